#include "cuda/engine/engine_choices.h"

#include <algorithm>
#include <sstream>
#include <utility>

namespace millrace::cuda {
namespace {

constexpr char kSeparator = ';';

// Names of devices are the driver's; whatever they hold, they end where they end.
std::string without_separators(std::string name) {
  std::replace(name.begin(), name.end(), kSeparator, ' ');
  std::replace(name.begin(), name.end(), '=', ' ');
  return name;
}

}  // namespace

std::string to_text(const EngineChoices& choices) {
  std::string text = "device=";
  text.append(without_separators(choices.device));
  for (const auto& [name, version] : choices.products.libraries) {
    text.append(";library=").append(name).append(" ").append(version);
  }
  for (const auto& [layer, choice] : choices.products.layers) {
    text.append(1, kSeparator).append(layer).append("=").append(choice);
  }
  return text;
}

std::optional<EngineChoices> engine_choices_from(const std::string& text) {
  EngineChoices choices;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, kSeparator);) {
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos) return std::nullopt;
    std::string name = part.substr(0, equals);
    std::string value = part.substr(equals + 1);
    if (name == "device") {
      choices.device = std::move(value);
    } else if (name == "library") {
      const std::size_t space = value.find(' ');
      if (space == std::string::npos) return std::nullopt;
      choices.products.libraries.emplace(value.substr(0, space), value.substr(space + 1));
    } else {
      choices.products.layers.emplace(std::move(name), std::move(value));
    }
  }
  if (choices.device.empty()) return std::nullopt;
  return choices;
}

}  // namespace millrace::cuda
