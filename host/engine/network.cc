#include "engine/network.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

namespace millrace {
namespace {

// How many columns of panel `panel` of `rows` rows are computed.
std::size_t lanes_of(std::size_t rows, std::size_t panel) {
  return rows - panel * kBlock > kBlock / 2 ? kBlock : kBlock / 2;
}

// How many outputs of `width` block `block` has.
std::size_t width_of(std::size_t width, std::size_t block) {
  return std::min(width - block * kBlock, kBlock);
}

std::size_t widest(const NetworkShape& shape) {
  return *std::max_element(shape.widths.begin(), shape.widths.end());
}

}  // namespace

Network::Network(const ParameterArrays& arrays, const Exchange& exchange, std::size_t thread,
                 std::size_t capacity)
    : arrays_(arrays),
      exchange_(exchange),
      thread_(thread),
      input_panel_(panel_floats(arrays.inputs(0))),
      input_(blocks_of(capacity) * input_panel_, 5),
      gradient_{FloatBuffer(blocks_of(capacity) * panel_floats(widest(arrays.shape())), 11),
                FloatBuffer(blocks_of(capacity) * panel_floats(widest(arrays.shape())), 29)},
      logits_(in_whole_blocks(capacity)),
      logit_gradients_(in_whole_blocks(capacity)) {
  for (std::size_t layer = 0; layer < arrays.hidden_layers(); ++layer) {
    const std::size_t width = arrays.outputs(layer);
    const std::size_t panel = panel_floats(width);
    const std::size_t floats = blocks_of(capacity) * panel;
    hidden_.push_back(
        {width, panel, FloatBuffer(floats, 13 + 7 * layer), FloatBuffer(floats, 41 + 7 * layer)});
  }
}

Network::Input Network::input_of(std::size_t layer) const {
  if (layer == 0) return {input_.data(), input_panel_};
  return {hidden_[layer - 1].activation.data(), hidden_[layer - 1].panel};
}

// The gradients by the logits of what fills up the last panel are zero: it adds nothing.
void Network::begin(std::size_t rows) {
  rows_ = rows;
  panels_ = blocks_of(rows);
  std::fill(logit_gradients_.data() + rows, logit_gradients_.data() + panels_ * kBlock, 0.0F);
}

void Network::forward(const LayerShare& share, std::size_t layer) {
  if (layer == last_layer()) return logits_forward(share);
  const Hidden& hidden = hidden_[layer];
  const Input input = input_of(layer);
  const bool in_parts = share.split == Split::rows;
  const bool with_bias = share.inputs.end == arrays_.inputs(layer);
  float* const y = in_parts ? exchange_.outputs(layer).of(thread_) : hidden.activation.data();
  for (std::size_t block = share.blocks.begin; block < share.blocks.end; ++block) {
    const float* bias = arrays_.parameters() + arrays_.at(layer, block, arrays_.inputs(layer));
    for (std::size_t panel = 0; panel < panels_; ++panel) {
      kernels_.dense({.x = input.rows + panel * input.panel + share.inputs.begin * kBlock,
                      .w = arrays_.parameters() + arrays_.at(layer, block, share.inputs.begin),
                      .bias = with_bias ? bias : nullptr,
                      .inputs = share.inputs.size(),
                      .outputs = width_of(hidden.width, block),
                      .relu = !in_parts,
                      .y = y + panel * hidden.panel + block * kBlock * kBlock},
                     lanes_of(rows_, panel));
    }
  }
}

void Network::logits_forward(const LayerShare& share) {
  const std::size_t layer = last_layer();
  const Input input = input_of(layer);
  const bool with_bias = share.inputs.end == arrays_.inputs(layer);
  const float bias = arrays_.parameters()[arrays_.at(layer, 0, arrays_.inputs(layer))];
  float* const to = share.split == Split::rows ? exchange_.outputs(layer).of(thread_) : logits_.data();
  for (std::size_t panel = 0; panel < panels_; ++panel) {
    kernels_.logits(input.rows + panel * input.panel + share.inputs.begin * kBlock, share.inputs.size(),
                    arrays_.parameters() + arrays_.at(layer, 0, share.inputs.begin), with_bias ? bias : 0.0F,
                    to + panel * kBlock);
  }
}

void Network::join_outputs(std::size_t layer) {
  const std::span parts = exchange_.outputs(layer).all();
  if (layer == last_layer()) {
    std::fill_n(logits_.data(), panels_ * kBlock, 0.0F);
    for (const float* part : parts) kernels_.add(part, panels_ * kBlock, logits_.data());
    return;
  }
  const Hidden& hidden = hidden_[layer];
  for (std::size_t panel = 0; panel < panels_; ++panel) {
    const std::size_t begin = panel * hidden.panel;
    kernels_.join_relu(parts.data(), parts.size(), begin, begin + hidden.width * kBlock,
                       hidden.activation.data());
  }
}

void Network::backward(const LayerShare& share, const LayerShare& below, std::size_t layer) {
  const Input input = input_of(layer);
  const bool in_parts = share.split == Split::columns;
  float* const dx =
      in_parts ? exchange_.input_gradient(layer).of(thread_) : gradient_[(layer - 1) % 2].data();
  if (layer == last_layer()) {
    const std::size_t first = share.inputs.begin * kBlock;
    for (std::size_t panel = 0; panel < panels_; ++panel) {
      kernels_.logits_data_gradient(logit_gradients_.data() + panel * kBlock,
                                    arrays_.parameters() + arrays_.at(layer, 0, share.inputs.begin),
                                    share.inputs.size(), input.rows + panel * input.panel + first,
                                    dx + panel * input.panel + first);
    }
    return transpose(below, layer - 1);
  }

  const Hidden& hidden = hidden_[layer];
  const std::size_t first = share.blocks.begin * kBlock;
  const std::size_t end = std::min(share.blocks.end * kBlock, hidden.width);
  for (std::size_t k = share.inputs.begin; k < share.inputs.end; k += kBlock) {
    for (std::size_t panel = 0; panel < panels_; ++panel) {
      const std::size_t at = panel * input.panel + k * kBlock;
      kernels_.data_gradient({.w = arrays_.parameters() + arrays_.at(layer, share.blocks.begin, k),
                              .w_block = arrays_.block_floats(layer),
                              .dy = gradient_[layer % 2].data() + panel * hidden.panel + first * kBlock,
                              .outputs = end - std::min(first, end),
                              .inputs = std::min(kBlock, share.inputs.end - k),
                              .relu = in_parts ? nullptr : input.rows + at,
                              .dx = dx + at},
                             lanes_of(rows_, panel));
    }
  }
  if (!in_parts) transpose(below, layer - 1);
}

void Network::join_input_gradient(const LayerShare& below, std::size_t layer) {
  const Input input = input_of(layer);
  const std::span parts = exchange_.input_gradient(layer).all();
  for (std::size_t panel = 0; panel < panels_; ++panel) {
    const std::size_t begin = panel * input.panel;
    kernels_.join_masked(parts.data(), parts.size(), input.rows, begin,
                         begin + arrays_.inputs(layer) * kBlock, gradient_[(layer - 1) % 2].data());
  }
  transpose(below, layer - 1);
}

void Network::transpose(const LayerShare& share, std::size_t layer) {
  const Hidden& hidden = hidden_[layer];
  for (std::size_t panel = 0; panel < panels_; ++panel) {
    for (std::size_t block = share.update_blocks.begin; block < share.update_blocks.end; ++block) {
      const std::size_t at = panel * hidden.panel + block * kBlock * kBlock;
      kernels_.transpose(gradient_[layer % 2].data() + at, hidden.transposed.data() + at);
    }
  }
}

void Network::weight_gradient(std::size_t layer, std::size_t block, Range weight_rows, bool add,
                              float* gradient) const {
  const std::size_t inputs = std::min(weight_rows.end, arrays_.inputs(layer)) - weight_rows.begin;
  const bool with_bias = weight_rows.end > arrays_.inputs(layer);
  const Input input = input_of(layer);
  const float* const x = input.rows + weight_rows.begin * kBlock;
  if (layer < last_layer()) {
    const Hidden& hidden = hidden_[layer];
    WeightGradientBlock part = {.x = x,
                                .x_panel = input.panel,
                                .dy = hidden.transposed.data() + block * kBlock * kBlock,
                                .dy_panel = hidden.panel,
                                .rows = rows_,
                                .inputs = inputs,
                                .add = add,
                                .dw = gradient};
    kernels_.weight_gradient(part);
    part.dw += inputs * kBlock;
    if (with_bias) kernels_.bias_gradient(part);
    return;
  }
  for (std::size_t panel = 0; panel < panels_; ++panel) {
    kernels_.logits_weight_gradient(x + panel * input.panel, inputs, logit_gradients_.data() + panel * kBlock,
                                    lanes_of(rows_, panel), add || panel > 0, gradient);
  }
  if (!with_bias) return;
  float sum = add ? gradient[inputs] : 0.0F;
  for (std::size_t row = 0; row < rows_; ++row) sum += logit_gradients_.data()[row];
  gradient[inputs] = sum;
}

// Each gradient by a weight is a sum over the rows of products x·dy, where the bias has 1 for x.
double Network::largest_gradient(const LayerShare& share, std::size_t layer) const {
  constexpr auto kInfinity = std::numeric_limits<float>::infinity();
  const Input input = input_of(layer);
  const std::size_t inputs = std::min(share.update_rows.end, arrays_.inputs(layer)) - share.update_rows.begin;
  std::uint32_t x = std::bit_cast<std::uint32_t>(1.0F);
  std::uint32_t dy = 0;
  for (std::size_t panel = 0; panel < panels_; ++panel) {
    const std::size_t rows = std::min(kBlock, rows_ - panel * kBlock);
    const float* const first = input.rows + panel * input.panel + share.update_rows.begin * kBlock;
    x = std::max(x, kernels_.largest_magnitude(first, inputs * kBlock));
    if (layer == last_layer()) {
      dy = std::max(dy, kernels_.largest_magnitude(logit_gradients_.data() + panel * kBlock, rows));
      continue;
    }
    const float* transposed = hidden_[layer].transposed.data() + panel * hidden_[layer].panel;
    for (std::size_t block = share.update_blocks.begin; block < share.update_blocks.end; ++block) {
      dy = std::max(dy, kernels_.largest_magnitude(transposed + block * kBlock * kBlock, rows * kBlock));
    }
  }
  if (std::max(x, dy) >= std::bit_cast<std::uint32_t>(kInfinity)) return static_cast<double>(kInfinity);
  return static_cast<double>(rows_) * std::bit_cast<float>(x) * std::bit_cast<float>(dy);
}

}  // namespace millrace
