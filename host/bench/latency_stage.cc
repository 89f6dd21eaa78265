#include "bench/latency_stage.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <fmt/format.h>
#include <functional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "bench/own_topic.h"
#include "bench/rounds.h"
#include "bench/sample_rows.h"
#include "kafka/producer.h"

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

// What came in the first second waited for the start of the run.
constexpr double kWarmUpSeconds = 1;

// A record's timestamp is from when it was handed over: waiting for others to go with it would count as
// latency.
ClientSettings without_linger(ClientSettings client) {
  const bool given = std::ranges::any_of(client.properties, [](const auto& property) {
    return property.first == "linger.ms" || property.first == "queue.buffering.max.ms";
  });
  if (!given) client.properties.emplace_back("linger.ms", "0");
  return client;
}

// Sends rows at a steady rate on a thread of its own; tells `on_failure` if it cannot go on.
class PacedProducer {
 public:
  PacedProducer(const LatencyBench& bench, std::function<void()> on_failure)
      : on_failure_(std::move(on_failure)),
        thread_([this, &bench](const std::stop_token& stop) { run(bench, stop); }) {}

  // When each row was sent, once all were, or it was stopped. Throws what went wrong.
  const std::vector<Clock::time_point>& finish() {
    thread_.request_stop();
    thread_.join();
    if (failure_) std::rethrow_exception(failure_);
    return sent_;
  }

 private:
  void run(const LatencyBench& bench, const std::stop_token& stop) noexcept {
    try {
      send(bench, stop);
    } catch (...) {
      failure_ = std::current_exception();
      on_failure_();
    }
  }

  void send(const LatencyBench& bench, const std::stop_token& stop) {
    const SampleRecords sample(std::min<std::uint64_t>(bench.rows, 10'000), bench.job.shape.features(),
                               SampleValues::small_integers);
    TopicProducer producer(without_linger(bench.job.source.client), bench.job.source.topics.front(),
                           "consistent_random");
    sent_.reserve(bench.rows);
    const Clock::time_point begin = Clock::now();
    while (sent_.size() < bench.rows && !stop.stop_requested()) {
      const std::chrono::duration<double> due(static_cast<double>(sent_.size()) / bench.rows_per_s);
      std::this_thread::sleep_until(begin + std::chrono::duration_cast<Clock::duration>(due));
      const RecordView& record = sample.records()[sent_.size() % sample.records().size()];
      sent_.push_back(Clock::now());
      producer.send_to(0, record.key, record.value);
    }
    producer.flush();
  }

  const std::function<void()> on_failure_;
  std::vector<Clock::time_point> sent_;  // the thread's, read after it was joined
  std::exception_ptr failure_;           // likewise
  std::jthread thread_;
};

struct Update {
  std::uint64_t rows = 0;  // trained so far
  Clock::time_point at;
};

std::vector<double> latencies_ms(const std::vector<Clock::time_point>& sent,
                                 const std::vector<Update>& updates, std::uint64_t first_row) {
  std::vector<double> latencies;
  std::uint64_t row = 0;
  for (const Update& update : updates) {
    for (; row < update.rows && row < sent.size(); ++row) {
      if (row < first_row) continue;
      latencies.push_back(std::chrono::duration<double, std::milli>(update.at - sent[row]).count());
    }
  }
  return latencies;
}

}  // namespace

BenchReport bench_latency(const LatencyBench& bench, const std::stop_token& stop) {
  const OwnTopic own(bench.job.source.client, bench.job.source.topics.front(), 1);
  return measure_latency(bench, stop);
}

BenchReport measure_latency(const LatencyBench& bench, const std::stop_token& stop) {
  TrainJob job = bench.job;
  job.state = bench.scratch / "state";
  job.stop = {.when = StopRule::When::records, .records = bench.rows};
  std::vector<Update> updates;
  updates.reserve(bench.rows);
  const auto on_window = [&](const TrainTick& tick, const SourceCounts&) {
    updates.push_back({tick.counts.rows, Clock::now()});
  };
  std::stop_source ended;  // by the caller or by the producer's failure
  const std::stop_callback on_stop(stop, [&] { ended.request_stop(); });
  PacedProducer producer(bench, [&] { ended.request_stop(); });
  const TrainResult result =
      run_train_job(job, {.note = [](std::string_view) {}, .window = on_window}, ended.get_token());

  const auto first_row = static_cast<std::uint64_t>(
      std::min(kWarmUpSeconds * bench.rows_per_s, static_cast<double>(bench.rows) / 2));
  const std::vector<double> latencies = latencies_ms(producer.finish(), updates, first_row);
  // The first row of a window waits for all the others, the last one for none.
  const double fill_ms = std::min<double>(1000.0 * (job.window_rows - 1) / bench.rows_per_s,
                                          static_cast<double>(job.window_limit.count()));
  BenchReport report{.stage = "latency",
                     .subject = fmt::format("{} rows at {:.0f} rows/s, windows of {}; {}", latencies.size(),
                                            bench.rows_per_s, job.window_rows, result.engine)};
  report.table = {{"", "ms", "bound ms", "share of it"}};
  report.figures = {
      {"engine", result.engine},        {"rows", latencies.size()},    {"rate_rows_per_s", bench.rows_per_s},
      {"window_rows", job.window_rows}, {"batch", job.training.batch}, {"epochs", job.training.epochs}};
  for (const auto& [name, share] : {std::pair("p50", 0.5), std::pair("p99", 0.99), std::pair("max", 1.0)}) {
    const double reached = quantile(latencies, share);
    const double bound = share * fill_ms;
    report.table.push_back({name, fmt::format("{:.1f}", reached), fmt::format("{:.1f}", bound),
                            fmt::format("{:.1f} %", 100 * bound / reached)});
    report.figures[fmt::format("{}_ms", name)] = finite_or_null(reached);
    report.figures[fmt::format("bound_{}_ms", name)] = finite_or_null(bound);
    report.figures[fmt::format("share_{}", name)] = finite_or_null(bound / reached);
  }
  report.notes = {
      "From the moment a record was sent, which is its timestamp, to the end of its window's last update.\n"
      "The bound is the time that a window takes to fill at this rate. The first second does not count."};
  return report;
}

}  // namespace millrace
