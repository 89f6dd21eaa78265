#include "predict/topic_job.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <numeric>
#include <optional>
#include <random>
#include <spdlog/spdlog.h>
#include <utility>

#include "millrace/errors.h"

#include "kafka/transactional_producer.h"

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Records taken at a time.
constexpr std::size_t kMostPolled = 4096;
// How soon a stop is seen.
constexpr milliseconds kLook{100};

std::string transactional_id(const GroupReaderSettings& source) {
  if (!source.instance.empty()) return fmt::format("{}-{}", source.group, source.instance);
  std::random_device random;
  return fmt::format("{}-{:08x}{:08x}", source.group, random(), random());
}

std::int64_t unix_ms() {
  return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// What the open transaction holds; it counts when that is committed.
struct Pending {
  std::uint64_t records = 0;
  std::uint64_t rows = 0;
  BadRecordCounts bad_records{};
  std::vector<std::int64_t> timestamps_ms;  // of records with predictions
};

// A number as text, without allocating.
class Digits {
 public:
  explicit Digits(std::int64_t number)
      : size_(static_cast<std::size_t>(std::to_chars(text_.data(), text_.data() + text_.size(), number).ptr -
                                       text_.data())) {}
  [[nodiscard]] std::string_view text() const { return {text_.data(), size_}; }

 private:
  std::array<char, 20> text_{};
  std::size_t size_;
};

GroupReaderSettings reading(GroupReaderSettings source, const Decoder& decoder) {
  source.record_size = record_size(decoder);
  return source;
}

class TopicRun {
 public:
  TopicRun(const TopicJob& job, RowScorer& scorer, const PredictObserver& observe, std::stop_token stop)
      : job_(job),
        scorer_(scorer),
        observe_(observe),
        stop_(std::move(stop)),
        // First: what a predecessor left open is decided before the group's offsets are asked for.
        producer_(job.source.client, job.to, transactional_id(job.source)),
        reader_(reading(job.source, scorer.decoder()), [this](bool lost) { let_go(lost); }) {}

  TopicResult run() {
    try {
      return run_to_the_end();
    } catch (...) {
      failed_ = true;
      leave_quietly();
      throw;
    }
  }

 private:
  TopicResult run_to_the_end() {
    if (job_.stop.when == StopRule::When::end) ends_ = reader_.ends_now();
    reader_.join();
    bool complete = false;
    while (!complete) {
      result_.counts.models += scorer_.follow() ? 1 : 0;
      predict(reader_.poll(room(), patience()));
      if (is_due()) finish();
      observe();
      complete = is_over() && (finish() || stop_.stop_requested());
    }
    result_.counts.elapsed = Clock::now() - begun_;
    observe_(result_.counts);
    result_.committed = reader_.committed_offsets();
    reader_.leave();
    result_.data_losses = reader_.losses().count();
    result_.lost_offsets = reader_.losses().lost_offsets();
    return std::move(result_);
  }

  [[nodiscard]] std::uint64_t records_so_far() const { return result_.counts.records + pending_.records; }

  [[nodiscard]] std::size_t room() const {
    std::size_t room = std::min<std::size_t>(
        kMostPolled, job_.commit_records - std::min<std::size_t>(job_.commit_records, pending_.records));
    if (job_.stop.when == StopRule::When::records)
      room = std::min<std::size_t>(room, job_.stop.records - std::min(job_.stop.records, records_so_far()));
    return room;
  }

  [[nodiscard]] milliseconds patience() const {
    if (!opened_at_) return kLook;
    const auto left = std::chrono::ceil<milliseconds>(*opened_at_ + job_.commit_every - Clock::now());
    return std::clamp(left, milliseconds{0}, kLook);
  }

  void predict(std::span<const RecordView> records) {
    if (!records.empty() || !reader_.has_joined()) last_record_at_ = Clock::now();
    if (records.empty()) return reader_.done(0);
    if (!opened_at_) open();
    for (const PredictedRow& row : scorer_.score(records)) {
      const RecordView& record = records[row.record];
      if (row.outcome.good) {
        if (!send(row, record)) return go_back();
        ++pending_.rows;
        if (row.row == 0 && record.timestamp_ms >= 0) pending_.timestamps_ms.push_back(record.timestamp_ms);
        continue;
      }
      ++pending_.bad_records[static_cast<std::size_t>(row.outcome.reason)];
      if (row.outcome.reason != BadRecordReason::tombstone && job_.errors_tolerance == ErrorsTolerance::none)
        refuse(row, record);
    }
    pending_.records += records.size();
    reader_.done(records.size());
  }

  [[nodiscard]] bool send(const PredictedRow& row, const RecordView& record) {
    value_.clear();
    append_prediction(value_, job_.format, row.probability, scorer_.model_version());
    const TopicPartition& from = reader_.partition_of(row.record);
    const Digits partition(from.partition);
    const Digits offset(record.offset);
    const Digits timestamp(record.timestamp_ms);
    const Digits number(row.row);
    const std::array<std::pair<std::string_view, std::string_view>, 6> headers{
        {{"millrace.model", scorer_.model_version()},
         {"millrace.topic", from.topic},
         {"millrace.partition", partition.text()},
         {"millrace.offset", offset.text()},
         {"millrace.timestamp", timestamp.text()},
         {"millrace.row", number.text()}}};
    return producer_.send({.partition = from.partition % producer_.partitions(),
                           .key = record.has_key ? std::optional(record.key) : std::nullopt,
                           .value = {value_.data(), value_.size()},
                           .headers = std::span(headers).first(row.rows > 1 ? 6 : 5)});
  }

  // Commits what came before the record, which is the first that a next run meets.
  [[noreturn]] void refuse(const PredictedRow& row, const RecordView& record) {
    const TopicPartition partition = reader_.partition_of(row.record);
    const BadRecordError error(partition, record.offset, std::string(name_of(row.outcome.reason)),
                               scorer_.decoder().field_name(row.outcome.field));
    pending_.records += row.record;
    reader_.done(row.record);
    static_cast<void>(finish());
    throw error;
  }

  void open() {
    producer_.begin();
    opened_at_ = Clock::now();
  }

  // Offsets alone may move as well: past bad records, and control records of other transactions.
  [[nodiscard]] bool is_due() {
    if (!opened_at_ && reader_.has_moved()) open();
    if (!opened_at_) return false;
    return pending_.records >= job_.commit_records || Clock::now() - *opened_at_ >= job_.commit_every;
  }

  // False: the transaction failed, and its records come again.
  bool finish() {
    if (!opened_at_) return true;
    if (!producer_.commit(reader_.done_offsets(), reader_.membership())) {
      go_back();
      return false;
    }
    reader_.committed();
    PredictCounts& counts = result_.counts;
    const std::int64_t now = unix_ms();
    for (const std::int64_t timestamp : pending_.timestamps_ms)
      counts.latency.add(milliseconds(now - timestamp));
    counts.records += pending_.records;
    counts.rows += pending_.rows;
    add_to(counts.bad_records, pending_.bad_records);
    ++counts.transactions;
    forget();
    return true;
  }

  void go_back() {
    producer_.abort();
    reader_.go_back();
    ++result_.counts.aborted;
    forget();
  }

  void forget() {
    pending_.records = 0;
    pending_.rows = 0;
    pending_.bad_records = {};
    pending_.timestamps_ms.clear();
    opened_at_.reset();
  }

  // The others of the group need not find out by a time-out that this one is gone.
  void leave_quietly() noexcept {
    try {
      reader_.leave();
    } catch (const std::exception& error) {
      spdlog::warn("kafka: leaving the group: {}", error.what());
    }
  }

  // Partitions go to another process, which begins where this one has committed.
  void let_go(bool lost) {
    if (!opened_at_ || failed_) return;
    lost ? go_back() : static_cast<void>(finish());
  }

  [[nodiscard]] bool is_over() const {
    if (stop_.stop_requested()) return true;
    switch (job_.stop.when) {
      case StopRule::When::never:
        return false;
      case StopRule::When::end:
        return reader_.has_joined() && reader_.reached(ends_);
      case StopRule::When::idle:
        return Clock::now() - last_record_at_ >= job_.stop.idle;
      case StopRule::When::records:
        return records_so_far() >= job_.stop.records;
    }
    return false;
  }

  void observe() {
    const Clock::time_point now = Clock::now();
    if (now - observed_at_ < kLook) return;
    observed_at_ = now;
    result_.counts.elapsed = now - begun_;
    observe_(result_.counts);
  }

  const TopicJob& job_;
  RowScorer& scorer_;
  const PredictObserver& observe_;
  const std::stop_token stop_;
  const Clock::time_point begun_ = Clock::now();
  Clock::time_point last_record_at_ = begun_;
  Clock::time_point observed_at_ = begun_;
  std::vector<GroupReader::End> ends_;
  std::optional<Clock::time_point> opened_at_;  // of the open transaction
  bool failed_ = false;                         // nothing more can be committed
  Pending pending_;
  TopicResult result_;
  fmt::memory_buffer value_;
  TransactionalProducer producer_;
  GroupReader reader_;
};

}  // namespace

TopicResult run_topic_job(const TopicJob& job, RowScorer& scorer, const PredictObserver& observe,
                          std::stop_token stop) {
  return TopicRun(job, scorer, observe, std::move(stop)).run();
}

}  // namespace millrace
