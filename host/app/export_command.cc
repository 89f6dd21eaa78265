#include "app/export_command.h"

#include <array>
#include <filesystem>
#include <fmt/format.h>
#include <optional>
#include <span>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "model_file/model_file_error.h"
#include "model_file/onnx_file.h"
#include "model_file/safetensors_file.h"
#include "report/model_file_summary.h"
#include "report/progress.h"
#include "state/durable_file.h"
#include "state/state_folder.h"

namespace millrace {

namespace {

struct Format {
  const char* extension;
  const char* name;
  std::optional<std::int64_t> opset;
  std::string (*encode)(const Checkpoint& checkpoint, const std::string& path);
};
constexpr std::array kFormats = {
    Format{".onnx", "onnx", kOnnxOpset, &encode_onnx},
    Format{".safetensors", "safetensors", std::nullopt,
           [](const Checkpoint& checkpoint, const std::string&) { return encode_safetensors(checkpoint); }},
};

const Format& format_of(const OptionValues& options) {
  const std::string& file = options.text("to");
  for (const Format& format : kFormats) {
    if (std::filesystem::path(file).extension() == format.extension) return format;
  }
  throw OptionError(OptionError::Kind::invalid, options.written("to"), file,
                    "the file's ending chooses the format; name one that ends in .onnx or .safetensors");
}

// Like any file that a program makes: the model is for others to read.
mode_t mode_of_new_files() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return static_cast<mode_t>(0666) & ~mask;
}

// What is wrong with the place for the file is nothing about the state.
void write_file(const std::string& file, const std::string& bytes) {
  if (std::filesystem::is_directory(file)) {
    throw ModelFileError(file, "a folder stands there", "name a file in --to");
  }
  try {
    write_durably(file, std::as_bytes(std::span(bytes)), mode_of_new_files());
  } catch (const StateError& error) {
    throw ModelFileError(file, "it cannot be written (" + error.detail + ")",
                         error.kind == StateError::Kind::missing    ? "make its folder first"
                         : error.kind == StateError::Kind::no_space ? "make room for it"
                                                                    : "choose another place in --to");
  }
}

}  // namespace

ExitCode run_export(const OptionValues& options) {
  const Format& format = format_of(options);
  const std::filesystem::path folder = options.text("state");
  const std::string& file = options.text("to");
  Progress notes(false);
  std::vector<std::string> fallbacks;
  const std::optional<Checkpoint> checkpoint = read_newest_checkpoint(folder, &fallbacks);
  for (const std::string& sentence : fallbacks) notes.note(sentence);
  if (!checkpoint) throw StateError(StateError::Kind::missing, folder, "it holds no checkpoint");

  const std::string bytes = format.encode(*checkpoint, file);
  write_file(file, bytes);

  const ModelState& model = checkpoint->model;
  const ExportSummary summary{.file = file,
                              .format = format.name,
                              .bytes = bytes.size(),
                              .opset = format.opset,
                              .checkpoint = folder / checkpoint_file_name(checkpoint->sequence),
                              .widths = model.shape.widths,
                              .parameters = model.shape.parameters(),
                              .rows = checkpoint->lifetime.rows,
                              .steps = model.step,
                              .weights_digest = weights_digest(model)};
  fmt::print("{}\n", options.flag("json") ? json_of(summary) : text_of(summary));
  return ExitCode::done;
}

}  // namespace millrace
