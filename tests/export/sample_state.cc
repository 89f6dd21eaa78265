// States without a stream, and what millrace itself makes of rows:
//   sample_state make DIR FEATURES LAYERS plain|standardized   trains made-up rows and saves a checkpoint
//   sample_state score DIR     rows of float32 on standard input, probabilities (float64) on standard output
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "millrace/engine_choice.h"

#include "state/state_folder.h"
#include "support/sample_window.h"

namespace millrace {
namespace {

std::unique_ptr<Engine> engine_for(const Checkpoint& checkpoint, std::uint32_t rows) {
  std::unique_ptr<Engine> engine = make_engine({.choice = "cpu",
                                                .shape = checkpoint.model.shape,
                                                .training = checkpoint.settings.training,
                                                .max_window_rows = rows,
                                                .cuda = {}});
  engine->restore(checkpoint.model);
  return engine;
}

// Means that are large beside the deviations, where the network does not take them as they are.
void shift(test::SampleWindow& window) {
  for (std::size_t i = 0; i < window.values.size(); ++i) {
    window.values[i] += 1000.0F * static_cast<float>(i % window.features);
  }
}

void make(const std::string& folder, const std::string& features, const std::string& layers,
          bool standardized) {
  constexpr std::uint32_t kRows = 256;
  Checkpoint checkpoint;
  NetworkShape shape{{static_cast<std::uint32_t>(std::stoul(features))}};
  std::istringstream widths(layers);
  for (std::string width; std::getline(widths, width, ',');) {
    shape.widths.push_back(static_cast<std::uint32_t>(std::stoul(width)));
  }
  shape.widths.push_back(1);
  checkpoint.settings.features = shape.features();
  checkpoint.settings.topics = {"made-up"};
  checkpoint.settings.label = "key";
  checkpoint.settings.training.standardize = standardized;
  for (std::uint32_t f = 0; f < shape.features(); ++f) {
    checkpoint.settings.feature_names.push_back("größe " + std::to_string(f));
  }
  checkpoint.model = initial_model_state(shape, 7);
  const std::unique_ptr<Engine> engine = engine_for(checkpoint, kRows);
  for (std::uint64_t index = 0; index < 8; ++index) {
    test::SampleWindow window(index, kRows, shape.features(), 0.1);
    if (standardized) shift(window);
    engine->stage(window.view());
    engine->score();
    engine->train();
    checkpoint.lifetime.steps += engine->wait().steps;
    checkpoint.lifetime.rows += kRows;
    ++checkpoint.windows;
  }
  checkpoint.model = engine->snapshot();
  checkpoint.millrace_version = "made-up";
  StateFolder state = StateFolder::open(folder);
  state.save(checkpoint);
}

void score(const std::string& folder) {
  const Checkpoint checkpoint = read_newest_checkpoint(folder).value();
  const std::uint32_t features = checkpoint.model.shape.features();
  const std::string bytes(std::istreambuf_iterator<char>(std::cin), {});
  std::vector<float> values(bytes.size() / sizeof(float));
  std::copy_n(bytes.data(), values.size() * sizeof(float), reinterpret_cast<char*>(values.data()));
  const auto rows = static_cast<std::uint32_t>(values.size() / features);
  const std::vector<float> labels(rows);
  std::vector<std::uint32_t> row_index(rows);
  std::iota(row_index.begin(), row_index.end(), 0U);
  const std::unique_ptr<Engine> engine = engine_for(checkpoint, rows);
  engine->stage({0, rows, rows, features, values.data(), labels.data(), row_index.data()});
  engine->score();
  for (const float logit : engine->wait().logits) {
    const double probability = 1.0 / (1.0 + std::exp(-static_cast<double>(logit)));
    std::fwrite(&probability, sizeof probability, 1, stdout);
  }
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 5 && words[0] == "make") {
    millrace::make(words[1], words[2], words[3], words[4] == "standardized");
  } else if (words.size() == 2 && words[0] == "score") {
    millrace::score(words[1]);
  } else {
    throw std::invalid_argument("make DIR FEATURES LAYERS plain|standardized, or score DIR");
  }
}
