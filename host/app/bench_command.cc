#include "app/bench_command.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <initializer_list>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

#include "app/job_options.h"
#include "bench/bench_report.h"
#include "bench/overlap_stage.h"
#include "config/nearest_name.h"
#include "config/option_table.h"

namespace millrace {

namespace {

using Kind = OptionError::Kind;

BenchReport run_overlap(const OptionValues& options) {
  const TrainingSettings training = {.epochs = static_cast<std::uint32_t>(options.integer("epochs")),
                                     .batch = static_cast<std::uint32_t>(options.integer("batch")),
                                     .math = math_mode(options)};
  return overlap_report(measure_overlap(
      network_shape(options), training, static_cast<std::uint32_t>(options.integer("window-rows")),
      static_cast<std::uint32_t>(options.integer("windows")), cuda_settings(options)));
}

struct Stage {
  std::string_view name;
  BenchReport (*run)(const OptionValues&);
  std::vector<std::string_view> options;  // that it takes besides those of every stage
};

const std::vector<Stage>& stages() {
  static const std::vector<Stage> kStages = {
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
