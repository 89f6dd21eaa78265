// A model as ONNX: rows of features in, probabilities out, with nothing left to do outside.
//
//   features [rows, N] float32 ─ missing values, standardizer ─ Gemm ─ Relu ─ … ─ Gemm ─ Sigmoid ─
//   probability [rows, 1] float32
//
// A missing value (NaN) counts as its feature's running mean, as in training. The number of rows is free.
// All of it is float32, so that every runtime takes it: the standardizer's mean, a double, is subtracted as
// the sum of two floats, which keeps the difference exact where features are large and vary little; folding
// it into the first layer's weights would lose it. The operators are those of opset 17.
//
// Pure function; any thread may call it. Format: https://onnx.ai/onnx/repo-docs/IR.html
#pragma once

#include <cstdint>
#include <string>

#include "state/checkpoint.h"

namespace millrace {

inline constexpr std::int64_t kOnnxIrVersion = 8;
inline constexpr std::int64_t kOnnxOpset = 17;

// The file's bytes. `path` names it in errors: ModelFileError where the format cannot hold so large a model.
[[nodiscard]] std::string encode_onnx(const Checkpoint& checkpoint, const std::string& path);

}  // namespace millrace
