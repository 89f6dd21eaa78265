#include "app/bench_command.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "app/avro_schemas.h"
#include "app/job_options.h"
#include "app/log_output.h"
#include "app/scratch_folder.h"
#include "app/stop_signals.h"
#include "bench/bench_report.h"
#include "bench/decode_stage.h"
#include "bench/end_to_end_stage.h"
#include "bench/ingest_stage.h"
#include "bench/latency_stage.h"
#include "bench/overlap_stage.h"
#include "bench/step_stage.h"
#include "config/nearest_name.h"
#include "config/option_table.h"
#include "decode/decoder_choice.h"
#include "report/progress.h"

namespace millrace {

namespace {

using Kind = OptionError::Kind;

// Those of `train`.
constexpr std::uint32_t kBatch = 32;
constexpr std::uint32_t kWindowRows = 4096;
constexpr int kEngineThreads = 2;
constexpr std::chrono::milliseconds kStopDeadline{9'000};
// Some tens of milliseconds a round.
constexpr std::int64_t kRowsToDecode = 1'000'000;
// Some seconds.
constexpr std::int64_t kRowsToTrain = 500'000;
constexpr std::int64_t kRowsToAwait = 10'000;

// Whom a stage tells how far it is, and who may stop it.
struct Surroundings {
  std::function<void(const std::string&)> note;
  std::stop_token stop;
};

struct Stage {
  std::string_view name;
  BenchReport (*run)(const OptionValues&, const Surroundings&);
  // Needs --brokers and --topic, and leaves them in good order when it is interrupted.
  bool talks_to_brokers;
  std::vector<std::string_view> options;  // that it takes besides those of every stage
};

// What an option was given, or what suits the stage.
std::int64_t given_or(const OptionValues& options, std::string_view name, std::int64_t otherwise) {
  return options.given(name) ? options.integer(name) : otherwise;
}

std::uint32_t count_of(const OptionValues& options, std::string_view name, std::uint32_t otherwise) {
  return static_cast<std::uint32_t>(given_or(options, name, otherwise));
}

TrainingSettings training_settings(const OptionValues& options) {
  return {.epochs = static_cast<std::uint32_t>(options.integer("epochs")),
          .batch = count_of(options, "batch", kBatch),
          .math = math_mode(options)};
}

unsigned rounds(const OptionValues& options) { return static_cast<unsigned>(options.integer("rounds")); }

BenchReport run_step(const OptionValues& options, const Surroundings& /*around*/) {
  StepBench bench{.shape = network_shape(options),
                  .training = {.math = math_mode(options)},
                  .batches = {32, 256, 1024, 8192},
                  .threads = {1},
                  .rounds = rounds(options)};
  if (options.given("batch")) bench.batches = {count_of(options, "batch", kBatch)};
  const int all_threads = static_cast<int>(std::thread::hardware_concurrency());
  if (options.given("engine-threads")) {
    bench.threads = {static_cast<int>(options.integer("engine-threads"))};
  } else if (all_threads > 1) {
    bench.threads.push_back(all_threads);
  }
  return bench_step(bench);
}

BenchReport run_decode(const OptionValues& options, const Surroundings& /*around*/) {
  return bench_decode({.format = parse_record_format(options.text("format")),
                       .features = network_shape(options).features(),
                       .rows = static_cast<std::uint64_t>(given_or(options, "rows", kRowsToDecode)),
                       .rounds = rounds(options)});
}

SourceSettings source_settings(const OptionValues& options) {
  return {.client = client_settings(options),
          .topics = {options.text("topic")},
          .memory_bytes = static_cast<std::size_t>(options.integer("memory-bytes")),
          .consumers = static_cast<unsigned>(options.integer("consumers"))};
}

BenchReport run_ingest(const OptionValues& options, const Surroundings& around) {
  DecoderSettings rows = decoder_settings(options);
  rows.schemas = avro_schemas(options, around.stop);
  const std::unique_ptr<Decoder> decoder = make_decoder(rows);
  IngestBench bench{.source = source_settings(options),
                    .window_rows = count_of(options, "window-rows", kWindowRows),
                    .decode_threads = decode_threads(options),
                    .rounds = rounds(options)};
  if (rows.label.from == LabelRule::From::header) bench.source.label_header = rows.label.name;
  return bench_ingest(bench, *decoder, around.note, around.stop);
}

// A run of `train` on a topic of the stage's own.
TrainJob stage_job(const OptionValues& options, std::uint32_t window_rows) {
  TrainJob job;
  job.source = source_settings(options);
  job.shape = network_shape(options);
  job.decoder = {.features = job.shape.features()};
  job.label = "key";
  job.training = training_settings(options);
  job.engine = options.text("engine");
  job.engine_threads = static_cast<int>(given_or(options, "engine-threads", kEngineThreads));
  job.cuda = cuda_settings(options);
  job.decode_threads = decode_threads(options);
  job.window_rows = count_of(options, "window-rows", window_rows);
  job.window_limit = options.duration("window-ms");
  return job;
}

BenchReport run_end_to_end(const OptionValues& options, const Surroundings& around) {
  const ScratchFolder scratch("millrace-bench");
  return bench_end_to_end({.job = stage_job(options, kWindowRows),
                           .rows = static_cast<std::uint64_t>(given_or(options, "rows", kRowsToTrain)),
                           .partitions = static_cast<int>(options.integer("partitions")),
                           .rounds = rounds(options),
                           .scratch = scratch.path()},
                          around.note, around.stop);
}

BenchReport run_latency(const OptionValues& options, const Surroundings& around) {
  const ScratchFolder scratch("millrace-bench");
  return bench_latency({.job = stage_job(options, kBatch),
                        .rows = static_cast<std::uint64_t>(given_or(options, "rows", kRowsToAwait)),
                        .rows_per_s = options.number("rate"),
                        .scratch = scratch.path()},
                       around.stop);
}

BenchReport run_overlap(const OptionValues& options, const Surroundings& /*around*/) {
  return overlap_report(measure_overlap(
      network_shape(options), training_settings(options), count_of(options, "window-rows", kWindowRows),
      static_cast<std::uint32_t>(options.integer("windows")), cuda_settings(options)));
}

const std::vector<Stage>& stages() {
  static const std::vector<Stage> kStages = {
      {"step", run_step, false, {"features", "layers", "batch", "engine-threads", "math", "rounds"}},
      {"decode", run_decode, false, {"features", "format", "rows", "rounds"}},
      {"ingest",
       run_ingest,
       true,
       {"brokers",
        "topic",
        "kafka-timeout-ms",
        "features",
        "columns",
        "label",
        "format",
        "absent-fields",
        "separator",
        "avro-schema",
        "schema-registry",
        "schema-registry-user",
        "schema-registry-secret-file",
        "schema-registry-ca",
        "schema-registry-timeout-ms",
        "max-record-bytes",
        "window-rows",
        "memory-bytes",
        "consumers",
        "threads",
        "rounds"}},
      {"end-to-end", run_end_to_end, true, {"brokers",   "topic",          "partitions", "kafka-timeout-ms",
                                            "features",  "layers",         "batch",      "epochs",
                                            "engine",    "engine-threads", "math",       "device",
                                            "tune",      "window-rows",    "window-ms",  "memory-bytes",
                                            "consumers", "threads",        "rows",       "rounds"}},
      {"latency",
       run_latency,
       true,
       {"brokers", "topic", "kafka-timeout-ms", "features", "layers", "batch", "epochs", "engine",
        "engine-threads", "math", "device", "tune", "window-rows", "window-ms", "memory-bytes", "consumers",
        "threads", "rows", "rate"}},
      {"overlap",
       run_overlap,
       false,
       {"features", "layers", "batch", "epochs", "window-rows", "windows", "math", "device", "tune"}},
  };
  return kStages;
}

std::string known_stages() {
  return fmt::format("{}", fmt::join(stages() | std::views::transform(&Stage::name), ", "));
}

const Stage& stage_named(const std::string& name) {
  const auto found = std::ranges::find(stages(), name, &Stage::name);
  if (found != stages().end()) return *found;
  std::vector<std::string> names;
  for (const Stage& stage : stages()) names.emplace_back(stage.name);
  throw OptionError(Kind::unknown, "the stage", name, "expected one of " + known_stages(),
                    nearest_name(name, names));
}

const Stage& stage_of(const OptionValues& options) {
  const bool named = !options.positional().empty();
  if (!options.flag("overlap")) {
    if (!named) throw OptionError(Kind::missing, "the stage", "", "expected one of " + known_stages());
    return stage_named(options.positional().front());
  }
  if (named && options.positional().front() != "overlap") {
    throw OptionError(Kind::conflict, options.written("overlap"), "",
                      "the stage is another one: " + options.positional().front());
  }
  return stage_named("overlap");
}

// An option that would change nothing is a mistake where it stands on the command line; the environment and
// the file may hold those of other stages.
void check_options(const OptionValues& options, const Stage& stage) {
  constexpr std::array<std::string_view, 4> kOfEveryStage = {"overlap", "json", "quiet", "config"};
  for (const Option& option : option_table()) {
    if (!option.commands.contains(Command::bench) || option.type == OptionType::property) continue;
    const bool taken = std::ranges::find(kOfEveryStage, option.name) != kOfEveryStage.end() ||
                       std::ranges::find(stage.options, option.name) != stage.options.end();
    if (!taken && options.given(option.name) && options.written(option.name) == flag_of(option)) {
      throw OptionError(Kind::conflict, flag_of(option), options.text(option.name),
                        fmt::format("`millrace bench {}` has no use for it", stage.name));
    }
  }
  if (!stage.talks_to_brokers) return;
  for (const char* const name : {"brokers", "topic"}) {
    if (options.text(name).empty()) {
      throw OptionError(Kind::missing, fmt::format("--{}", name), "",
                        fmt::format("`millrace bench {}` needs it", stage.name));
    }
  }
}

}  // namespace

ExitCode run_bench(const OptionValues& options) {
  const Stage& stage = stage_of(options);
  check_options(options, stage);
  std::optional<StopSignals> signals;
  if (stage.talks_to_brokers) signals.emplace(kStopDeadline);
  const std::stop_token stop = signals ? signals->token() : std::stop_token{};
  Progress progress(options.flag("quiet"));
  const LogAboveProgress log(progress);
  const auto note = [&](const std::string& line) {
    if (!options.flag("quiet")) progress.note(line);
  };
  const BenchReport report = stage.run(options, {.note = note, .stop = stop});
  if (stop.stop_requested()) {
    progress.note("Stopped before there were figures.");
    return ExitCode::done;
  }
  const BenchMachine machine = this_machine();
  fmt::print("{}\n", options.flag("json") ? json_of(report, machine) : text_of(report, machine));
  return ExitCode::done;
}

}  // namespace millrace
