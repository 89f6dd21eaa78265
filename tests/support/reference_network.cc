#include "support/reference_network.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "millrace/philox.h"

namespace millrace::test {
namespace {

// Where Keras does: see TrainingSettings.
double as_float(double beta) { return static_cast<double>(static_cast<float>(beta)); }

double loss_of(double logit, double label) {
  return std::max(logit, 0.0) - logit * label + std::log1p(std::exp(-std::abs(logit)));
}

}  // namespace

ReferenceNetwork::ReferenceNetwork(const NetworkShape& shape, const TrainingSettings& settings)
    : shape_(shape),
      settings_(settings),
      first_(shape.parameters()),
      second_(shape.parameters()),
      seen_(shape.features()) {
  const ModelState initial = initial_model_state(shape, settings.seed);
  parameters_.assign(initial.parameters.begin(), initial.parameters.end());
}

ReferenceNetwork::Row ReferenceNetwork::prepare(const WindowView& window, std::uint32_t row) const {
  Row input(window.features);
  for (std::uint32_t f = 0; f < window.features; ++f) {
    const std::vector<double>& seen = seen_[f];
    const double count = static_cast<double>(seen.size());
    const double mean = seen.empty() ? 0.0 : std::accumulate(seen.begin(), seen.end(), 0.0) / count;
    double variance = 0.0;
    for (const double value : seen) variance += (value - mean) * (value - mean) / count;
    const double x = window.values[std::size_t{window.row_index[row]} * window.features + f];
    input[f] = std::isnan(x) ? mean : x;
    if (settings_.standardize) input[f] = (input[f] - mean) / (variance > 0.0 ? std::sqrt(variance) : 1.0);
  }
  return input;
}

std::vector<ReferenceNetwork::Row> ReferenceNetwork::forward(const Row& input) const {
  std::vector<Row> activations = {input};
  for (std::size_t layer = 0; layer < shape_.layers(); ++layer) {
    const std::size_t out = shape_.widths[layer + 1];
    const double* weights = parameters_.data() + shape_.offset(layer);
    const Row& x = activations.back();
    Row y(weights + x.size() * out, weights + (x.size() + 1) * out);
    for (std::size_t i = 0; i < x.size(); ++i) {
      for (std::size_t o = 0; o < out; ++o) y[o] += x[i] * weights[i * out + o];
    }
    if (layer + 1 < shape_.layers()) {
      for (double& value : y) value = std::max(value, 0.0);
    }
    activations.push_back(std::move(y));
  }
  return activations;
}

void ReferenceNetwork::add_gradient(const std::vector<Row>& activations, double logit_gradient,
                                    std::vector<double>& gradient) const {
  Row dy = {logit_gradient};
  for (std::size_t layer = shape_.layers(); layer-- > 0;) {
    const std::size_t out = dy.size();
    const Row& x = activations[layer];
    const double* weights = parameters_.data() + shape_.offset(layer);
    double* into = gradient.data() + shape_.offset(layer);
    Row dx(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      for (std::size_t o = 0; o < out; ++o) {
        into[i * out + o] += x[i] * dy[o];
        if (x[i] > 0.0) dx[i] += dy[o] * weights[i * out + o];
      }
    }
    for (std::size_t o = 0; o < out; ++o) into[x.size() * out + o] += dy[o];
    dy = std::move(dx);
  }
}

void ReferenceNetwork::take_in(const WindowView& window) {
  for (std::uint32_t row = 0; row < window.rows; ++row) {
    for (std::uint32_t f = 0; f < window.features; ++f) {
      const double x = window.values[std::size_t{window.row_index[row]} * window.features + f];
      if (!std::isnan(x)) seen_[f].push_back(x);
    }
  }
}

double ReferenceNetwork::train_batch(const WindowView& window, std::span<const std::uint32_t> rows) {
  std::vector<double> gradient(parameters_.size());
  double loss = 0;
  for (const std::uint32_t row : rows) {
    const std::vector<Row> activations = forward(prepare(window, row));
    const double logit = activations.back()[0];
    const double label = window.labels[window.row_index[row]];
    loss += loss_of(logit, label);
    add_gradient(activations, (1.0 / (1.0 + std::exp(-logit)) - label) / static_cast<double>(rows.size()),
                 gradient);
  }
  const auto t = static_cast<double>(++step_);
  const double alpha = settings_.learning_rate * std::sqrt(1.0 - std::pow(as_float(settings_.beta2), t)) /
                       (1.0 - std::pow(as_float(settings_.beta1), t));
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    first_[i] += (gradient[i] - first_[i]) * (1.0 - settings_.beta1);
    second_[i] += (gradient[i] * gradient[i] - second_[i]) * (1.0 - settings_.beta2);
    parameters_[i] -= alpha * first_[i] / (std::sqrt(second_[i]) + settings_.epsilon);
  }
  return loss;
}

WindowOutcome ReferenceNetwork::run_window(const WindowView& window) {
  WindowOutcome outcome;
  outcome.window = window.index;
  outcome.rows = window.rows;
  logits_.clear();
  for (std::uint32_t row = 0; row < window.rows; ++row) {
    const double label = window.labels[window.row_index[row]];
    logits_.push_back(forward(prepare(window, row)).back()[0]);
    outcome.loss_sum += loss_of(logits_.back(), label);
    outcome.correct += (logits_.back() >= 0.0) == (label >= 0.5) ? 1 : 0;
  }
  take_in(window);
  for (std::uint32_t epoch = 0; epoch < settings_.epochs; ++epoch) {
    std::vector<std::uint32_t> order(window.rows);
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return shuffle_key(settings_.seed, window.index, epoch, a) <
             shuffle_key(settings_.seed, window.index, epoch, b);
    });
    for (std::size_t begin = 0; begin < order.size(); begin += settings_.batch) {
      const std::size_t rows = std::min<std::size_t>(settings_.batch, order.size() - begin);
      outcome.training_loss_sum += train_batch(window, std::span(order).subspan(begin, rows));
      outcome.trained_rows += rows;
      ++outcome.steps;
    }
  }
  return outcome;
}

}  // namespace millrace::test
