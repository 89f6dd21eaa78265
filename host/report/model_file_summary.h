// What export and import say at their end; the forms are those of run_summary.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace {

struct ExportSummary {
  std::string file;
  std::string format;  // onnx, safetensors
  std::uint64_t bytes = 0;
  std::optional<std::int64_t> opset;  // of ONNX
  std::string checkpoint;             // the file that was exported
  std::vector<std::uint32_t> widths;  // inputs, hidden layers, 1
  std::uint64_t parameters = 0;
  std::uint64_t rows = 0;
  std::uint64_t steps = 0;
  std::uint64_t weights_digest = 0;
};

struct ImportSummary {
  std::string file;
  std::string checkpoint;             // the file that was made
  std::vector<std::uint32_t> widths;  // as above
  std::uint64_t parameters = 0;
  std::uint64_t weights_digest = 0;
  std::vector<std::string> feature_names;
  std::optional<bool> standardize;  // none: the file knows nothing of its inputs, and training may choose
};

[[nodiscard]] std::string json_of(const ExportSummary& summary);
[[nodiscard]] std::string json_of(const ImportSummary& summary);
[[nodiscard]] std::string text_of(const ExportSummary& summary);
[[nodiscard]] std::string text_of(const ImportSummary& summary);

}  // namespace millrace
