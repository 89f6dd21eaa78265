// The header of a checkpoint: JSON text with all that is not a tensor, and the list of the tensors.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "state/checkpoint.h"

namespace millrace {

// What is wrong with a header, as the end of a sentence that begins with the file; decode_checkpoint catches
// it.
struct CheckpointFormatError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct TensorEntry {
  std::string name;
  std::string type;         // float32, float64
  std::uint64_t count = 0;  // of numbers
  std::uint64_t begin =
      0;  // in bytes from the first tensor, so that the header's own length does not change it

  bool operator==(const TensorEntry&) const = default;
};

struct CheckpointHeader {
  Checkpoint checkpoint;  // with the shape and the step of the model, without its arrays
  std::vector<TensorEntry> tensors;
};

// Throws StateError io if a text in the checkpoint is not UTF-8; `path` names the file.
[[nodiscard]] std::string write_checkpoint_header(const Checkpoint& checkpoint,
                                                  const std::vector<TensorEntry>& tensors,
                                                  const std::string& path);

// Checks every type and range, and nothing about the tensors. Throws CheckpointFormatError.
[[nodiscard]] CheckpointHeader read_checkpoint_header(std::string_view text);

// The settings alone, as the header's member of that name; errors as above.
[[nodiscard]] std::string write_settings(const StreamSettings& settings, const std::string& path);
[[nodiscard]] StreamSettings read_settings(std::string_view text);

}  // namespace millrace
