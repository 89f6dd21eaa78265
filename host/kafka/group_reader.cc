#include "kafka/group_reader.h"

#include <algorithm>
#include <array>
#include <spdlog/spdlog.h>
#include <thread>
#include <utility>

#include "millrace/errors.h"

#include "kafka/consumer.h"
#include "kafka/fetch_limits.h"
#include "kafka/log_range.h"

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kSeekPatience{10'000};
constexpr milliseconds kCoordinatorPause{100};
// A broker that has just started may tell an end before the one that it told last.
constexpr milliseconds kEndPatience{5'000};
constexpr milliseconds kEndPause{200};

KafkaProperties default_properties(const FetchLimits& limits) {
  KafkaProperties defaults = fetch_defaults(limits);
  // A process that died is missed after so long. A shorter time takes a slow one for a dead one.
  defaults.emplace_back("session.timeout.ms", "10000");
  defaults.emplace_back("topic.metadata.refresh.interval.ms", "10000");
  return defaults;
}

// Reading what is committed only is also what makes the look-up of committed offsets wait for those of a
// transaction that a dead process left open.
KafkaProperties owned_properties(const GroupReaderSettings& settings, const FetchLimits& limits) {
  KafkaProperties owned = consumer_properties(settings.group, limits);
  if (!settings.instance.empty()) owned.emplace_back("group.instance.id", settings.instance);
  return owned;
}

std::vector<TopicPartition> partitions_in(const rd_kafka_topic_partition_list_t& list) {
  std::vector<TopicPartition> partitions;
  for (int index = 0; index < list.cnt; ++index) {
    partitions.push_back({list.elems[index].topic, list.elems[index].partition});
  }
  return partitions;
}

bool is_incremental(rd_kafka_t* handle) {
  return std::string_view(rd_kafka_rebalance_protocol(handle)) == "COOPERATIVE";
}

}  // namespace

GroupReader::GroupReader(const GroupReaderSettings& settings, LetGo let_go)
    : settings_(settings), let_go_(std::move(let_go)), losses_(settings.on_data_loss) {
  // Assigned partitions share one queue, so its limits hold for all of them together.
  const FetchLimits limits = fetch_limits(settings.memory_bytes, 1, settings.record_size);
  client_ = std::make_unique<Client>(
      ClientRole::consumer, settings.client, default_properties(limits), owned_properties(settings, limits),
      nullptr, [this](rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions) {
        rebalance(what, partitions);
      });
  for (const std::string& topic : settings.topics) static_cast<void>(client_->require_topic(topic));
  kafka_check(rd_kafka_poll_set_consumer(client_->handle()), "joining the group");
}

GroupReader::~GroupReader() { clear_polled(); }

std::vector<GroupReader::End> GroupReader::ends_now() const {
  std::vector<TopicPartition> partitions;
  for (const std::string& topic : settings_.topics) {
    const std::int32_t count = client_->require_topic(topic);
    for (std::int32_t partition = 0; partition < count; ++partition) partitions.push_back({topic, partition});
  }
  const std::vector<LogRange> ranges = log_ranges(*client_, partitions);
  std::vector<End> ends;
  for (std::size_t index = 0; index < partitions.size(); ++index)
    ends.push_back({partitions[index], ranges[index].end});
  return ends;
}

void GroupReader::join() {
  client_->announce_errors();
  const PartitionListOwner topics(
      rd_kafka_topic_partition_list_new(static_cast<int>(settings_.topics.size())));
  for (const std::string& topic : settings_.topics)
    rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  kafka_check(rd_kafka_subscribe(client_->handle(), topics.get()), "joining the group");
}

std::span<const RecordView> GroupReader::poll(std::size_t most, milliseconds at_most) {
  clear_polled();
  auto patience = static_cast<int>(std::max<milliseconds::rep>(0, at_most.count()));
  // One at a time: librdkafka's batches may hold records of partitions that went while they were filled.
  while (messages_.size() < most) {
    MessageOwner message(rd_kafka_consumer_poll(client_->handle(), patience));
    throw_trouble();
    if (!message) break;
    take(std::move(message));
    if (!messages_.empty()) patience = 0;
  }
  return views_;
}

void GroupReader::take(MessageOwner message) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
    return take_error(*message);
  Share* const share = share_of(rd_kafka_topic_name(message->rkt), message->partition);
  if (share == nullptr) return;
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    share->read = std::max(share->read, message->offset);
    return;
  }
  share->read = message->offset + 1;
  views_.push_back(view_of(*message));
  shares_.push_back(share);
  messages_.push_back(std::move(message));
}

void GroupReader::take_error(const rd_kafka_message_t& message) {
  const std::string topic = message.rkt != nullptr ? rd_kafka_topic_name(message.rkt) : std::string();
  if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
    if (Share* const share = share_of(topic.c_str(), message.partition)) find_again(*share);
    return;
  }
  if (message.err == RD_KAFKA_RESP_ERR__FATAL) {
    std::array<char, 512> reason{};
    const rd_kafka_resp_err_t code = rd_kafka_fatal_error(client_->handle(), reason.data(), reason.size());
    kafka_check(code, "reading", reason.data());
  }
  // The group took this member for dead; it joins anew by itself.
  const bool evicted = message.err == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED;
  if (!evicted && !consumer_recovers_from(message.err))
    kafka_check(message.err, "reading", rd_kafka_message_errstr(&message), topic, message.partition);
  spdlog::warn("kafka: {}; trying again", rd_kafka_message_errstr(&message));
}

void GroupReader::find_again(Share& share) {
  const LogRange range = log_ranges(*client_, {&share.partition, 1}).front();
  if (const auto loss = loss_at(share.partition, share.read, range)) {
    share.read = losses_.meet(*loss);
    // Nothing stands between what is done and where reading goes on.
    if (messages_.empty()) share.done = share.read;
  }
  const PartitionListOwner list = make_partition_list({&share.partition, 1}, share.read);
  kafka_check(KafkaErrorOwner(rd_kafka_seek_partitions(client_->handle(), list.get(),
                                                       static_cast<int>(kSeekPatience.count()))),
              "reading");
}

GroupReader::Share* GroupReader::share_of(const char* topic, std::int32_t partition) {
  const auto is_it = [&](const Share& share) {
    return share.partition.partition == partition && share.partition.topic == topic;
  };
  if (last_share_ != nullptr && is_it(*last_share_)) return last_share_;
  const auto found = std::ranges::find_if(assigned_, [&](const auto& share) { return is_it(*share); });
  last_share_ = found == assigned_.end() ? nullptr : found->get();
  return last_share_;
}

void GroupReader::done(std::size_t count) {
  for (std::size_t index = 0; index < count; ++index) shares_[index]->done = views_[index].offset + 1;
  if (count < views_.size()) return;
  for (const auto& share : assigned_) share->done = share->read;
}

bool GroupReader::has_moved() const {
  return std::ranges::any_of(
      assigned_, [](const auto& share) { return share->done != share->base || !share->committed; });
}

std::vector<CommitOffset> GroupReader::done_offsets() const {
  std::vector<CommitOffset> offsets;
  for (const auto& share : assigned_) {
    if (share->done != share->base || !share->committed) offsets.push_back({share->partition, share->done});
  }
  return offsets;
}

void GroupReader::committed() {
  for (const auto& share : assigned_) {
    share->base = share->done;
    share->committed = true;
  }
}

std::vector<CommitOffset> GroupReader::committed_offsets() const {
  std::vector<CommitOffset> offsets;
  for (const auto& share : assigned_) {
    if (share->committed) offsets.push_back({share->partition, share->base});
  }
  return offsets;
}

void GroupReader::go_back() {
  clear_polled();
  std::vector<Share*> moved;
  for (const auto& share : assigned_) {
    if (share->read == share->base) continue;
    share->read = share->done = share->base;
    moved.push_back(share.get());
  }
  seek(moved);
}

void GroupReader::seek(std::span<Share* const> shares) {
  if (shares.empty()) return;
  const PartitionListOwner list(rd_kafka_topic_partition_list_new(static_cast<int>(shares.size())));
  for (const Share* share : shares) {
    rd_kafka_topic_partition_list_add(list.get(), share->partition.topic.c_str(), share->partition.partition)
        ->offset = share->read;
  }
  kafka_check(KafkaErrorOwner(rd_kafka_seek_partitions(client_->handle(), list.get(),
                                                       static_cast<int>(kSeekPatience.count()))),
              "going back to what is committed");
}

bool GroupReader::reached(std::span<const End> ends) const {
  return std::ranges::all_of(ends, [&](const End& end) {
    const auto share =
        std::ranges::find(assigned_, end.partition, [](const auto& each) { return each->partition; });
    return share == assigned_.end() || (*share)->done >= end.offset;
  });
}

void GroupReader::rebalance(rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions) {
  rd_kafka_t* const handle = client_->handle();
  try {
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
      take_over(*partitions);
      return;
    }
    if (what != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) kafka_check(what, "sharing partitions in the group");
    let_go_(rd_kafka_assignment_lost(handle) != 0);
  } catch (...) {
    trouble_ = std::current_exception();
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) return;
  }
  give_up(*partitions);
}

void GroupReader::take_over(const rd_kafka_topic_partition_list_t& partitions) {
  const std::vector<TopicPartition> taken = partitions_in(partitions);
  const std::vector<std::int64_t> committed = ask_for_committed(taken);
  const PartitionListOwner list = make_partition_list(taken, 0);
  const Clock::time_point deadline = Clock::now() + kEndPatience;
  std::vector<LogRange> ranges = log_ranges(*client_, taken);
  for (std::size_t index = 0; index < taken.size(); ++index) {
    while (committed[index] > ranges[index].end && Clock::now() < deadline) {
      std::this_thread::sleep_for(kEndPause);
      ranges = log_ranges(*client_, taken);
    }
    const LogRange& range = ranges[index];
    std::int64_t start = committed[index];
    if (start < 0) start = settings_.from_end ? range.end : range.begin;
    if (const auto loss = loss_at(taken[index], start, range)) start = losses_.meet(*loss);
    list->elems[index].offset = start;
    assigned_.push_back(std::make_unique<Share>(Share{.partition = taken[index],
                                                      .read = start,
                                                      .done = start,
                                                      .base = start,
                                                      .committed = start == committed[index]}));
  }
  joined_ = true;
  membership_.reset(rd_kafka_consumer_group_metadata(client_->handle()));
  if (is_incremental(client_->handle())) {
    kafka_check(KafkaErrorOwner(rd_kafka_incremental_assign(client_->handle(), list.get())),
                "taking partitions over");
  } else {
    kafka_check(rd_kafka_assign(client_->handle(), list.get()), "taking partitions over");
  }
}

std::vector<std::int64_t> GroupReader::ask_for_committed(std::span<const TopicPartition> partitions) const {
  constexpr std::string_view kOperation = "asking for the group's offsets";
  const Clock::time_point deadline = Clock::now() + client_->timeout();
  for (;;) {
    const PartitionListOwner list = make_partition_list(partitions, RD_KAFKA_OFFSET_INVALID);
    const auto patience = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    rd_kafka_resp_err_t code = rd_kafka_committed(
        client_->handle(), list.get(), static_cast<int>(std::max<std::int64_t>(1, patience.count())));
    std::vector<std::int64_t> offsets;
    for (int index = 0; index < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; ++index) {
      code = list->elems[index].err;
      offsets.push_back(std::max<std::int64_t>(-1, list->elems[index].offset));
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return offsets;
    const bool passes_by_itself = consumer_recovers_from(code) ||
                                  code == RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT ||
                                  code == RD_KAFKA_RESP_ERR__WAIT_COORD;
    if (!passes_by_itself) kafka_check(code, kOperation);
    if (Clock::now() >= deadline) throw client_->no_answer(code, kOperation);
    std::this_thread::sleep_for(kCoordinatorPause);
  }
}

void GroupReader::give_up(const rd_kafka_topic_partition_list_t& partitions) {
  last_share_ = nullptr;
  for (const TopicPartition& gone : partitions_in(partitions)) {
    // What was polled of them and not handed out yet is another member's now.
    for (std::size_t index = messages_.size(); index-- > 0;) {
      if (shares_[index]->partition != gone) continue;
      const auto place = static_cast<std::ptrdiff_t>(index);
      messages_.erase(messages_.begin() + place);
      views_.erase(views_.begin() + place);
      shares_.erase(shares_.begin() + place);
    }
    std::erase_if(assigned_, [&](const auto& share) { return share->partition == gone; });
  }
  if (is_incremental(client_->handle())) {
    kafka_check(KafkaErrorOwner(rd_kafka_incremental_unassign(client_->handle(), &partitions)),
                "giving partitions back");
  } else {
    rd_kafka_assign(client_->handle(), nullptr);
  }
}

void GroupReader::throw_trouble() {
  if (trouble_) std::rethrow_exception(std::exchange(trouble_, nullptr));
}

void GroupReader::clear_polled() {
  messages_.clear();
  views_.clear();
  shares_.clear();
}

void GroupReader::leave() {
  clear_polled();
  rd_kafka_consumer_close(client_->handle());
  throw_trouble();
}

}  // namespace millrace
