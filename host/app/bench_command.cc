#include "app/bench_command.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <initializer_list>
#include <ranges>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "app/job_options.h"
#include "bench/bench_report.h"
#include "bench/decode_stage.h"
#include "bench/overlap_stage.h"
#include "bench/step_stage.h"
#include "config/nearest_name.h"
#include "config/option_table.h"

namespace millrace {

namespace {

using Kind = OptionError::Kind;

// Those of `train`.
constexpr std::uint32_t kBatch = 32;
constexpr std::uint32_t kWindowRows = 4096;
// Some tens of milliseconds a round.
constexpr std::int64_t kRowsToDecode = 1'000'000;

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

BenchReport run_step(const OptionValues& options) {
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

BenchReport run_decode(const OptionValues& options) {
  return bench_decode({.features = network_shape(options).features(),
                       .rows = static_cast<std::uint64_t>(given_or(options, "rows", kRowsToDecode)),
                       .rounds = rounds(options)});
}

BenchReport run_overlap(const OptionValues& options) {
  return overlap_report(measure_overlap(
      network_shape(options), training_settings(options), count_of(options, "window-rows", kWindowRows),
      static_cast<std::uint32_t>(options.integer("windows")), cuda_settings(options)));
}

struct Stage {
  std::string_view name;
  BenchReport (*run)(const OptionValues&);
  std::vector<std::string_view> options;  // that it takes besides those of every stage
};

const std::vector<Stage>& stages() {
  static const std::vector<Stage> kStages = {
      {"step", run_step, {"features", "layers", "batch", "engine-threads", "math", "rounds"}},
      {"decode", run_decode, {"features", "rows", "rounds"}},
      {"overlap",
       run_overlap,
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
  constexpr std::array<std::string_view, 3> kOfEveryStage = {"overlap", "json", "config"};
  for (const Option& option : option_table()) {
    if (!option.commands.contains(Command::bench) || option.type == OptionType::property) continue;
    const bool taken = std::ranges::find(kOfEveryStage, option.name) != kOfEveryStage.end() ||
                       std::ranges::find(stage.options, option.name) != stage.options.end();
    if (!taken && options.given(option.name) && options.written(option.name) == flag_of(option)) {
      throw OptionError(Kind::conflict, flag_of(option), options.text(option.name),
                        fmt::format("`millrace bench {}` has no use for it", stage.name));
    }
  }
}

}  // namespace

ExitCode run_bench(const OptionValues& options) {
  const Stage& stage = stage_of(options);
  check_options(options, stage);
  const BenchReport report = stage.run(options);
  const BenchMachine machine = this_machine();
  fmt::print("{}\n", options.flag("json") ? json_of(report, machine) : text_of(report, machine));
  return ExitCode::done;
}

}  // namespace millrace
