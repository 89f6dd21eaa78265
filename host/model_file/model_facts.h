// What an exported file says about its model besides the weights: pairs of texts, the same in every format.
//
//   millrace_version, layers (hidden, as --layers takes them), features (how many), feature_names (JSON list,
//   empty where they have no names), weights_digest (hexadecimal, as `inspect` shows it), rows, steps,
//   windows, standardize (true or false)
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/standardizer.h"
#include "state/checkpoint.h"

namespace millrace {

using ModelFacts = std::vector<std::pair<std::string, std::string>>;

[[nodiscard]] ModelFacts model_facts(const Checkpoint& checkpoint);

// What the model does to its inputs before the first layer.
[[nodiscard]] FeatureScaling input_scaling(const Checkpoint& checkpoint);

// "128,256,128": the hidden layers; empty where there are none.
[[nodiscard]] std::string hidden_layers_text(const NetworkShape& shape);

}  // namespace millrace
