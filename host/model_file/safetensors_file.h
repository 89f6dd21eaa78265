// A model as safetensors: the weights as they are, by the names and in the order that PyTorch gives to a
// Sequential of Linear and ReLU: "0.weight" [out, in], "0.bias" [out], "2.weight", … , all F32.
//
// Nothing else is among the tensors, so that load_state_dict takes the file as it is; the standardizer is in
// the file's __metadata__, beside the facts of model_facts.h, as JSON texts:
//   inputs        {"missing": [N], "shift": [N], "factor": [N]}: a feature x enters the first layer as
//                 (x - shift)·factor, where a missing x counts as `missing`
//   standardizer  {"count": [N], "mean": [N], "m2": [N]}: the running moments, from which training goes on
//
// Pure functions; any thread may call them. Format: https://github.com/huggingface/safetensors
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "millrace/model.h"

#include "state/checkpoint.h"

namespace millrace {

// The file's bytes.
[[nodiscard]] std::string encode_safetensors(const Checkpoint& checkpoint);

struct ImportedModel {
  ModelState model;                        // moments zero, step 0
  std::vector<std::string> feature_names;  // empty where the file tells none
  bool standardize = false;                // whether the standardizer, if it has seen anything, scales
  std::optional<std::string> told_digest;  // of the weights when millrace exported them
};

// Takes any file whose tensors are pairs `NAME.weight` [out, in] and `NAME.bias` [out] of F32, in the order
// of their names (numbers in them by value), that form a chain of layers with one output at the end, where
// ReLU is understood between them. Metadata may be absent; millrace's own is checked where it is there.
// Errors: ModelFileError, which says what does not fit; StateError where the file cannot be read.
[[nodiscard]] ImportedModel read_safetensors(const std::filesystem::path& file);

}  // namespace millrace
