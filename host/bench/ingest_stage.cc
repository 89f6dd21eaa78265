#include "bench/ingest_stage.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <fmt/format.h>
#include <new>
#include <vector>

#include "millrace/errors.h"

#include "bench/bare_drain.h"
#include "bench/rounds.h"
#include "train/reading.h"
#include "window/assembler.h"

namespace millrace {
namespace {

using namespace std::chrono_literals;

// One being filled, one full, one being looked at, and one to spare: as `train` has them.
constexpr std::size_t kSlots = 4;
// Nothing is waited for: the records are in the log already.
constexpr auto kWindowLimit = 1h;

struct Read {
  std::uint64_t records = 0;
  std::uint64_t rows = 0;
  std::uint64_t bad_records = 0;
  double seconds = 0;
  double processor_seconds = 0;        // of all threads
  double seconds_to_first_window = 0;  // from before the brokers were asked anything
};

HostBuffer allocate(std::size_t bytes) {
  constexpr std::align_val_t kAlignment{64};
  auto* const memory = static_cast<std::byte*>(::operator new(bytes, kAlignment));
  return {memory, {[](void* held, std::size_t) { ::operator delete(held, kAlignment); }, bytes}};
}

Read read_all(const IngestBench& bench, const Decoder& decoder, const std::stop_token& stop) {
  SourceSettings reading = bench.source;
  const std::size_t slot_bytes = kSlots * WindowSlot::bytes_needed(bench.window_rows, decoder.features());
  reading.memory_bytes -= std::min(slot_bytes, reading.memory_bytes / 2);
  const Stopwatch opening;
  reading.record_size = record_size(decoder);
  KafkaSource source(reading);
  AssemblerSettings settings = reading_from(source, {.when = StopRule::When::end});
  settings.window_rows = bench.window_rows;
  settings.window_limit = kWindowLimit;
  settings.decode_threads = bench.decode_threads;
  settings.slots = kSlots;

  Read read;
  const Stopwatch watch;
  const ProcessorWatch processors;
  source.start();
  Assembler assembler(source, decoder, settings, allocate);
  const std::stop_callback on_stop(stop, [&] { assembler.request_stop(); });
  while (WindowSlot* const slot = assembler.take()) {
    if (read.records == 0) read.seconds_to_first_window = opening.seconds();
    read.records += slot->records;
    read.rows += slot->rows;
    read.bad_records += sum_of(slot->bad_records);
    assembler.give_back(slot);
  }
  read.seconds = watch.seconds();
  read.processor_seconds = processors.seconds();
  return read;
}

}  // namespace

BenchReport bench_ingest(const IngestBench& bench, const Decoder& decoder,
                         const std::function<void(const std::string&)>& note, const std::stop_token& stop) {
  const std::string& topic = bench.source.topics.front();
  const std::size_t instances = KafkaSource(bench.source).consumers();
  std::vector<double> reading;
  std::vector<double> draining;
  std::vector<double> shares;
  std::vector<double> reading_cpu;
  std::vector<double> opening;
  std::vector<double> draining_cpu;
  Read read;
  Drained drained;
  for (unsigned round = 0; round < bench.rounds; ++round) {
    drained = drain_bare(bench.source.client, topic, instances);
    if (drained.messages == 0) {
      throw OptionError(OptionError::Kind::invalid, "--topic", topic, "it holds no records to read");
    }
    if (stop.stop_requested()) break;
    const Read attempt = read_all(bench, decoder, stop);
    if (stop.stop_requested()) break;
    read = attempt;
    draining.push_back(drained.seconds);
    draining_cpu.push_back(drained.processor_seconds);
    reading.push_back(read.seconds);
    reading_cpu.push_back(read.processor_seconds);
    opening.push_back(read.seconds_to_first_window);
    shares.push_back(drained.seconds / read.seconds);
    note(fmt::format("Round {} of {}: read and decoded in {:.2f} s, drained in {:.2f} s.", round + 1,
                     bench.rounds, read.seconds, drained.seconds));
  }

  const double rows_per_s = static_cast<double>(read.rows) / median(reading);
  const double records_per_s = static_cast<double>(read.records) / median(reading);
  const double bound_records_per_s = static_cast<double>(drained.messages) / median(draining);
  const double bytes_per_record = static_cast<double>(drained.bytes) / static_cast<double>(drained.messages);
  const double share = median(shares);
  // Of the processors, in microseconds for a record.
  const double reading_us = 1e6 * median(reading_cpu) / static_cast<double>(drained.messages);
  const double draining_us = 1e6 * median(draining_cpu) / static_cast<double>(drained.messages);
  BenchReport report{.stage = "ingest",
                     .subject = fmt::format("{} records of topic {}", read.records, topic)};
  report.table = {
      {"", "rows/s", "records/s", "MB/s", "CPU us/record", "share of the drain"},
      {"read and decoded", fmt::format("{:.0f}", rows_per_s), fmt::format("{:.0f}", records_per_s),
       fmt::format("{:.1f}", records_per_s * bytes_per_record / 1e6), fmt::format("{:.3f}", reading_us),
       fmt::format("{:.1f} %", 100 * share)},
      {"bare drain", "", fmt::format("{:.0f}", bound_records_per_s),
       fmt::format("{:.1f}", bound_records_per_s * bytes_per_record / 1e6),
       fmt::format("{:.3f}", draining_us), ""}};
  report.figures = {{"topic", topic},
                    {"rows", read.rows},
                    {"records", read.records},
                    {"bad_records", read.bad_records},
                    {"rounds", bench.rounds},
                    {"consumers", instances},
                    {"first_window_ms", finite_or_null(1e3 * median(opening))},
                    {"cpu_us_per_record", finite_or_null(reading_us)},
                    {"bound_cpu_us_per_record", finite_or_null(draining_us)},
                    {"seconds", finite_or_null(median(reading))},
                    {"rows_per_s", finite_or_null(rows_per_s)},
                    {"records_per_s", finite_or_null(records_per_s)},
                    {"bytes_per_s", finite_or_null(records_per_s * bytes_per_record)},
                    {"bound_records_per_s", finite_or_null(bound_records_per_s)},
                    {"share", finite_or_null(share)}};
  report.notes = {fmt::format(
      "The bound is a drain of the topic by librdkafka alone, in turns with the reading; both had "
      "{} consumer\ninstance{}. Medians of {}, the share that of the pairs. The first window came {:.0f} ms "
      "after the\nclient was made.",
      instances, instances == 1 ? "" : "s", reading.size(), 1e3 * median(opening))};
  if (read.bad_records > 0) {
    report.notes.push_back(fmt::format(
        "{} bad records gave no row: are --features and --label those of the topic?", read.bad_records));
  }
  return report;
}

}  // namespace millrace
