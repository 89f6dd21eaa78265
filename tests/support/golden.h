// Keras' own runs of one network, and how far an engine may be from them. From the same weights and batches
// an engine's distance from a float64 run of Keras is at most twice that of Keras' own float32 run: the
// parity that millrace claims. tests/golden/README.md says what the file holds and how it was made.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "millrace/engine.h"
#include "millrace/model.h"
#include "millrace/window.h"

namespace millrace::test {

class Golden {
 public:
  explicit Golden(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string name, type;
    std::size_t count = 0;
    while (file >> name >> type >> count) {
      file.get();  // the line's end
      std::string& bytes = sections_[name];
      bytes.resize(count * (type == "f64" || type == "u64" ? 8 : 4));
      file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    }
    if (!file.eof() || sections_.empty()) throw std::runtime_error("not a golden file: " + path);
  }

  template <class T>
  [[nodiscard]] std::vector<T> get(const std::string& name) const {
    const std::string& bytes = sections_.at(name);
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }

 private:
  std::map<std::string, std::string> sections_;
};

inline const Golden& golden() {
  static const Golden file(MILLRACE_SOURCE_DIR "/tests/golden/keras_adam.golden");
  return file;
}

template <class Values>
auto sampled(const Values& values) {
  const std::uint32_t every = golden().get<std::uint32_t>("sample_every").at(0);
  std::vector<typename Values::value_type> sample;
  for (std::size_t i = 0; i < values.size(); i += every) sample.push_back(values[i]);
  return sample;
}

inline std::string name_at(const char* what, std::uint32_t step) {
  std::string name = what;
  return name.append("_").append(std::to_string(step));
}

template <class Value>
double distance(const std::vector<Value>& values, const std::vector<double>& expected) {
  EXPECT_EQ(values.size(), expected.size());
  return std::sqrt(std::transform_reduce(values.begin(), values.end(), expected.begin(), 0.0, std::plus(),
                                         [](double a, double b) { return (a - b) * (a - b); }));
}

inline NetworkShape golden_shape() { return {golden().get<std::uint32_t>("widths")}; }

inline TrainingSettings golden_settings() {
  TrainingSettings settings;
  settings.epochs = 1;
  settings.batch = golden().get<std::uint32_t>("batch").at(0);
  settings.seed = golden().get<std::uint64_t>("seed").at(0);
  return settings;
}

// The golden batches, each as a window of its own.
class GoldenWindows {
 public:
  GoldenWindows() { std::iota(order_.begin(), order_.end(), 0U); }

  [[nodiscard]] WindowView at(std::uint32_t step) const {
    const auto rows = static_cast<std::uint32_t>(order_.size());
    const std::size_t first = std::size_t{step - 1} * rows;
    return {step,         rows, rows, features_, values_.data() + first * features_, labels_.data() + first,
            order_.data()};
  }

 private:
  std::uint32_t features_ = golden_shape().features();
  std::vector<float> values_ = golden().get<float>("values");
  std::vector<float> labels_ = golden().get<float>("labels");
  std::vector<std::uint32_t> order_ = std::vector<std::uint32_t>(golden_settings().batch);
};

// How far an engine is from float64, as a multiple of how far Keras in float32 is.
struct GoldenRatio {
  std::string what;  // "parameters_10": after ten steps
  double ratio;
};

// Trains the golden batches on a fresh engine. `run_window` stages, scores, trains and waits.
inline std::vector<GoldenRatio> golden_ratios(
    Engine& engine, const std::function<WindowOutcome(Engine&, const WindowView&)>& run_window) {
  const auto checkpoints = golden().get<std::uint32_t>("checkpoints");
  const GoldenWindows windows;
  std::vector<float> row_losses;
  std::vector<GoldenRatio> ratios;
  for (std::uint32_t step = 1; step <= checkpoints.back(); ++step) {
    const WindowOutcome outcome = run_window(engine, windows.at(step));
    double sum = 0;
    for (std::size_t i = 0; i < outcome.logits.size(); ++i) {
      const float z = outcome.logits[i];
      row_losses.push_back(std::max(z, 0.0F) - z * outcome.labels[i] + std::log1p(std::exp(-std::abs(z))));
      sum += row_losses.back();
    }
    // The loss that training reports is the same, with the same weights.
    EXPECT_NEAR(outcome.training_loss_sum, sum, 1e-5 * sum);
    EXPECT_NEAR(outcome.loss_sum, sum, 1e-5 * sum);
    if (std::find(checkpoints.begin(), checkpoints.end(), step) == checkpoints.end()) continue;
    const auto compare = [&](const char* what, const std::vector<float>& ours, std::vector<double> exact) {
      const std::string at = name_at(what, step);
      exact.resize(ours.size());
      ratios.push_back({at, distance(ours, exact) / golden().get<double>("keras_distance_" + at).at(0)});
    };
    const auto exact = [step](const char* what) { return golden().get<double>(name_at(what, step)); };
    const ModelState state = engine.snapshot();
    compare("parameters", sampled(state.parameters), exact("parameters"));
    compare("first_moment", sampled(state.first_moment), exact("first_moment"));
    compare("second_moment", sampled(state.second_moment), exact("second_moment"));
    compare("row_losses", row_losses, golden().get<double>("row_losses"));
  }
  return ratios;
}

}  // namespace millrace::test
