#include "model_file/model_facts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <span>

namespace millrace {

ModelFacts model_facts(const Checkpoint& checkpoint) {
  const ModelState& model = checkpoint.model;
  const Lifetime& lifetime = checkpoint.lifetime;
  return {{"millrace_version", checkpoint.millrace_version},
          {"layers", hidden_layers_text(model.shape)},
          {"features", std::to_string(model.shape.features())},
          {"feature_names", nlohmann::json(checkpoint.settings.feature_names).dump()},
          {"weights_digest", fmt::format("{:016x}", weights_digest(model))},
          {"rows", std::to_string(lifetime.rows)},
          {"steps", std::to_string(model.step)},
          {"windows", std::to_string(checkpoint.windows)},
          {"standardize", checkpoint.settings.training.standardize ? "true" : "false"}};
}

FeatureScaling input_scaling(const Checkpoint& checkpoint) {
  Standardizer standardizer(checkpoint.model.shape.features(), checkpoint.settings.training.standardize);
  // A state may hold none, which is the same as one that has seen nothing.
  if (!checkpoint.model.standardizer.count.empty()) standardizer.restore(checkpoint.model.standardizer);
  return standardizer.scaling();
}

std::string hidden_layers_text(const NetworkShape& shape) {
  return fmt::format("{}", fmt::join(std::span(shape.widths).subspan(1, shape.layers() - 1), ","));
}

}  // namespace millrace
