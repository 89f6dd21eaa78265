// The same training as an engine's, written plainly in double: what engines are compared with.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "millrace/engine.h"
#include "millrace/model.h"
#include "millrace/window.h"

namespace millrace::test {

class ReferenceNetwork {
 public:
  ReferenceNetwork(const NetworkShape& shape, const TrainingSettings& settings);

  // The prequential numbers and the training, as Engine defines them. Logits go to `logits`.
  WindowOutcome run_window(const WindowView& window);

  [[nodiscard]] const std::vector<double>& parameters() const { return parameters_; }
  [[nodiscard]] const std::vector<double>& first_moment() const { return first_; }
  [[nodiscard]] const std::vector<double>& second_moment() const { return second_; }
  [[nodiscard]] const std::vector<double>& logits() const { return logits_; }

 private:
  using Row = std::vector<double>;

  [[nodiscard]] Row prepare(const WindowView& window, std::uint32_t row) const;
  [[nodiscard]] std::vector<Row> forward(
      const Row& input) const;  // the activations, from the input to the logit
  void add_gradient(const std::vector<Row>& activations, double logit_gradient,
                    std::vector<double>& gradient) const;
  void take_in(const WindowView& window);
  double train_batch(const WindowView& window, std::span<const std::uint32_t> rows);

  NetworkShape shape_;
  TrainingSettings settings_;
  std::vector<double> parameters_, first_, second_;
  std::uint64_t step_ = 0;
  std::vector<std::vector<double>> seen_;  // by feature: every value that was present
  std::vector<double> logits_;
};

}  // namespace millrace::test
