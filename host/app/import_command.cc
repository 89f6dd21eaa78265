#include "app/import_command.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <string>
#include <utility>

#include "model_file/model_file_error.h"
#include "model_file/safetensors_file.h"
#include "report/model_file_summary.h"
#include "report/progress.h"
#include "state/state_folder.h"

namespace millrace {

namespace {

ImportedModel read_model(const std::string& file) {
  try {
    return read_safetensors(file);
  } catch (const StateError& error) {
    throw ModelFileError(file, "it cannot be read (" + error.detail + ")", "check the path in --from");
  }
}

void require_no_state(const OptionValues& options, const std::filesystem::path& folder) {
  if (std::filesystem::exists(folder) && !list_checkpoints(folder).empty()) {
    throw OptionError(OptionError::Kind::conflict, options.written("state"), folder.string(),
                      "a state is in this folder, and import only begins new ones; name another folder");
  }
}

// The settings of a stream are absent: `train` brings them with the first record.
Checkpoint first_checkpoint(ImportedModel imported) {
  Checkpoint checkpoint;
  checkpoint.settings.features = imported.model.shape.features();
  checkpoint.settings.feature_names = std::move(imported.feature_names);
  checkpoint.settings.label = "key";
  checkpoint.settings.format = "csv";
  checkpoint.settings.training.standardize = imported.standardize;
  checkpoint.model = std::move(imported.model);
  checkpoint.millrace_version = MILLRACE_VERSION;
  return checkpoint;
}

}  // namespace

ExitCode run_import(const OptionValues& options) {
  const std::string& file = options.text("from");
  const std::filesystem::path folder = options.text("state");
  require_no_state(options, folder);
  ImportedModel imported = read_model(file);  // before the folder: a refused file leaves none behind
  StateFolder state = StateFolder::open(folder);
  require_no_state(options, folder);  // nobody began one meanwhile

  const std::optional<std::string> told_digest = imported.told_digest;
  Checkpoint checkpoint = first_checkpoint(std::move(imported));
  const ModelState& model = checkpoint.model;
  const bool knows_inputs =
      std::ranges::any_of(model.standardizer.count, [](double count) { return count > 0; });
  const std::uint64_t digest = weights_digest(model);
  if (told_digest && *told_digest != fmt::format("{:016x}", digest)) {
    Progress(false).note("The weights are not those that millrace exported: the file was changed since.");
  }
  const std::filesystem::path made = state.save(checkpoint);

  const ImportSummary summary{
      .file = file,
      .checkpoint = made,
      .widths = model.shape.widths,
      .parameters = model.shape.parameters(),
      .weights_digest = digest,
      .feature_names = checkpoint.settings.feature_names,
      .standardize = knows_inputs ? std::optional(checkpoint.settings.training.standardize) : std::nullopt};
  fmt::print("{}\n", options.flag("json") ? json_of(summary) : text_of(summary));
  return ExitCode::done;
}

}  // namespace millrace
