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

// The outputs of these blocks, of `width` there are.
Range rows_of(Range blocks, std::size_t width) {
  return {std::min(blocks.begin * kBlock, width), std::min(blocks.end * kBlock, width)};
}

std::size_t widest(const NetworkShape& shape) {
  return *std::max_element(shape.widths.begin(), shape.widths.end());
}

}  // namespace

Network::Network(const VectorKernels& kernels, const ParameterArrays& arrays, const Exchange& exchange,
                 std::size_t thread, std::size_t capacity)
    : arrays_(arrays),
      exchange_(exchange),
      kernels_(kernels),
      thread_(thread),
      logits_(in_whole_blocks(capacity)),
      logit_gradients_(in_whole_blocks(capacity)) {
  for (std::size_t layer = 0; layer <= last_layer(); ++layer) {
    inputs_.push_back(make_rows(arrays.inputs(layer), capacity, 5 + 7 * layer));
    if (layer < last_layer())
      transposed_.push_back(make_rows(arrays.outputs(layer), capacity, 41 + 7 * layer));
  }
  for (const std::size_t stagger : {11U, 29U})
    gradients_.push_back(make_rows(widest(arrays.shape()), capacity, stagger));
}

Network::Rows Network::make_rows(std::size_t width, std::size_t capacity, std::size_t stagger) const {
  const std::size_t panel = panel_floats(width);
  const std::size_t floats = blocks_of(capacity) * panel;
  const std::size_t halves = is_bf16() ? floats / 2 : 0;
  return {width, panel, FloatBuffer(floats, stagger), FloatBuffer(halves, stagger + 2),
          FloatBuffer(halves, stagger + 4)};
}

void Network::round_input(std::size_t layer, Range features) {
  if (!is_bf16()) return;
  const Rows& input = inputs_[layer];
  for (std::size_t panel = 0; panel < panels_; ++panel) {
    const std::size_t at = panel * input.panel + features.begin * kBlock;
    kernels_.to_bf16_pairs(input.rows.data() + at, features.size(), input.pairs.data() + at / 2);
    kernels_.to_bf16(input.rows.data() + at, features.size(), input.rounded.data() + at / 2);
  }
}

// The gradients by the logits of what fills up the last panel are zero: it adds nothing.
void Network::begin(std::size_t rows) {
  rows_ = rows;
  panels_ = blocks_of(rows);
  std::fill(logit_gradients_.data() + rows, logit_gradients_.data() + panels_ * kBlock, 0.0F);
}

void Network::forward(const LayerShare& share, std::size_t layer) {
  if (layer == last_layer()) return logits_forward(share);
  const Rows& input = inputs_[layer];
  const Rows& output = inputs_[layer + 1];
  const bool in_parts = share.split == Split::rows;
  const bool with_bias = share.inputs.end == input.width;
  float* const y = in_parts ? exchange_.outputs(layer).of(thread_) : output.rows.data();
  for (std::size_t block = share.blocks.begin; block < share.blocks.end; ++block) {
    const float* bias = arrays_.parameters() + arrays_.at(layer, block, input.width);
    const float* w =
        arrays_.forward_weights() + arrays_.at(layer, block, share.inputs.begin) / arrays_.numbers();
    for (std::size_t panel = 0; panel < panels_; ++panel) {
      const std::size_t x = (panel * input.panel + share.inputs.begin * kBlock) / arrays_.numbers();
      kernels_.dense({.x = in_pairs(input) + x,
                      .w = w,
                      .bias = with_bias ? bias : nullptr,
                      .inputs = share.inputs.size(),
                      .outputs = width_of(output.width, block),
                      .relu = !in_parts,
                      .y = y + panel * output.panel + block * kBlock * kBlock},
                     lanes_of(rows_, panel));
    }
  }
  if (!in_parts) round_input(layer + 1, rows_of(share.blocks, output.width));
}

void Network::logits_forward(const LayerShare& share) {
  const std::size_t layer = last_layer();
  const Rows& input = inputs_[layer];
  const bool with_bias = share.inputs.end == input.width;
  const float bias = arrays_.parameters()[arrays_.at(layer, 0, input.width)];
  float* const to = share.split == Split::rows ? exchange_.outputs(layer).of(thread_) : logits_.data();
  for (std::size_t panel = 0; panel < panels_; ++panel) {
    kernels_.logits(input.rows.data() + panel * input.panel + share.inputs.begin * kBlock,
                    share.inputs.size(), arrays_.parameters() + arrays_.at(layer, 0, share.inputs.begin),
                    with_bias ? bias : 0.0F, to + panel * kBlock);
  }
}

void Network::join_outputs(std::size_t layer) {
  const std::span parts = exchange_.outputs(layer).all();
  if (layer == last_layer()) {
    std::fill_n(logits_.data(), panels_ * kBlock, 0.0F);
    for (const float* part : parts) kernels_.add(part, panels_ * kBlock, logits_.data());
    return;
  }
  const Rows& output = inputs_[layer + 1];
  for (std::size_t panel = 0; panel < panels_; ++panel) {
    const std::size_t begin = panel * output.panel;
    kernels_.join_relu(parts.data(), parts.size(), begin, begin + output.width * kBlock, output.rows.data());
  }
  round_input(layer + 1, {0, output.width});
}

void Network::backward(const LayerShare& share, const LayerShare& below, std::size_t layer) {
  const Rows& input = inputs_[layer];
  const bool in_parts = share.split == Split::columns;
  float* const dx =
      in_parts ? exchange_.input_gradient(layer).of(thread_) : gradients_[(layer - 1) % 2].rows.data();
  if (layer == last_layer()) {
    for (std::size_t panel = 0; panel < panels_; ++panel) {
      const std::size_t at = panel * input.panel + share.inputs.begin * kBlock;
      kernels_.logits_data_gradient(logit_gradients_.data() + panel * kBlock,
                                    arrays_.parameters() + arrays_.at(layer, 0, share.inputs.begin),
                                    share.inputs.size(), input.rows.data() + at, dx + at);
    }
    return gradient_is_complete(below, layer - 1);
  }

  const std::size_t panel_dy = transposed_[layer].panel;
  const float* const dy = in_pairs(gradients_[layer % 2]);
  const Range outputs = rows_of(share.blocks, transposed_[layer].width);
  for (std::size_t k = share.inputs.begin; k < share.inputs.end; k += kBlock) {
    for (std::size_t panel = 0; panel < panels_; ++panel) {
      const std::size_t at = panel * input.panel + k * kBlock;
      kernels_.data_gradient(
          {.w = arrays_.backward_weights() + arrays_.at(layer, share.blocks.begin, k) / arrays_.numbers(),
           .w_block = arrays_.block_floats(layer) / arrays_.numbers(),
           .dy = dy + (panel * panel_dy + outputs.begin * kBlock) / arrays_.numbers(),
           .outputs = outputs.size(),
           .inputs = std::min(kBlock, share.inputs.end - k),
           .relu = in_parts ? nullptr : input.rows.data() + at,
           .dx = dx + at},
          lanes_of(rows_, panel));
    }
  }
  if (!in_parts) gradient_is_complete(below, layer - 1);
}

void Network::join_input_gradient(const LayerShare& below, std::size_t layer) {
  const Rows& input = inputs_[layer];
  const std::span parts = exchange_.input_gradient(layer).all();
  for (std::size_t panel = 0; panel < panels_; ++panel) {
    const std::size_t begin = panel * input.panel;
    kernels_.join_masked(parts.data(), parts.size(), input.rows.data(), begin, begin + input.width * kBlock,
                         gradients_[(layer - 1) % 2].rows.data());
  }
  gradient_is_complete(below, layer - 1);
}

// Transposed for the gradient by the weights, and rounded for both products that it goes into.
void Network::gradient_is_complete(const LayerShare& share, std::size_t layer) {
  const Rows& gradient = gradients_[layer % 2];
  const Rows& transposed = transposed_[layer];
  const Range outputs = rows_of(share.blocks, transposed.width);
  for (std::size_t panel = 0; panel < panels_; ++panel) {
    for (std::size_t block = share.update_blocks.begin; block < share.update_blocks.end; ++block) {
      const std::size_t at = panel * transposed.panel + block * kBlock * kBlock;
      kernels_.transpose(gradient.rows.data() + at, transposed.rows.data() + at);
      if (!is_bf16()) continue;
      const std::size_t rows = std::min(kBlock, rows_ - panel * kBlock);
      kernels_.to_bf16_pairs(transposed.rows.data() + at, rows, transposed.pairs.data() + at / 2);
    }
    if (!is_bf16()) continue;
    const std::size_t at = panel * transposed.panel + outputs.begin * kBlock;
    kernels_.to_bf16_pairs(gradient.rows.data() + at, outputs.size(), gradient.pairs.data() + at / 2);
  }
}

void Network::weight_gradient(std::size_t layer, std::size_t block, Range weight_rows, bool add,
                              float* gradient) const {
  const Rows& input = inputs_[layer];
  const std::size_t inputs = std::min(weight_rows.end, input.width) - weight_rows.begin;
  const bool with_bias = weight_rows.end > input.width;
  const std::size_t first = weight_rows.begin * kBlock;
  if (layer < last_layer()) {
    const Rows& transposed = transposed_[layer];
    const std::size_t block_at = block * kBlock * kBlock;
    kernels_.weight_gradient({.x = as_they_are(input) + first / arrays_.numbers(),
                              .x_panel = input.panel / arrays_.numbers(),
                              .dy = in_pairs(transposed) + block_at / arrays_.numbers(),
                              .dy_panel = transposed.panel / arrays_.numbers(),
                              .rows = rows_,
                              .inputs = inputs,
                              .add = add,
                              .dw = gradient});
    if (!with_bias) return;
    kernels_.bias_gradient({.x = nullptr,
                            .x_panel = 0,
                            .dy = transposed.rows.data() + block_at,
                            .dy_panel = transposed.panel,
                            .rows = rows_,
                            .inputs = 0,
                            .add = add,
                            .dw = gradient + inputs * kBlock});
    return;
  }
  for (std::size_t panel = 0; panel < panels_; ++panel) {
    kernels_.logits_weight_gradient(input.rows.data() + first + panel * input.panel, inputs,
                                    logit_gradients_.data() + panel * kBlock, lanes_of(rows_, panel),
                                    add || panel > 0, gradient);
  }
  if (!with_bias) return;
  float sum = add ? gradient[inputs] : 0.0F;
  for (std::size_t row = 0; row < rows_; ++row) sum += logit_gradients_.data()[row];
  gradient[inputs] = sum;
}

// Each gradient by a weight is a sum over the rows of products x·dy, where the bias has 1 for x.
double Network::largest_gradient(const LayerShare& share, std::size_t layer) const {
  constexpr auto kInfinity = std::numeric_limits<float>::infinity();
  const Rows& input = inputs_[layer];
  const std::size_t inputs = std::min(share.update_rows.end, input.width) - share.update_rows.begin;
  std::uint32_t x = std::bit_cast<std::uint32_t>(1.0F);
  std::uint32_t dy = 0;
  for (std::size_t panel = 0; panel < panels_; ++panel) {
    const std::size_t rows = std::min(kBlock, rows_ - panel * kBlock);
    const float* const first = input.rows.data() + panel * input.panel + share.update_rows.begin * kBlock;
    x = std::max(x, kernels_.largest_magnitude(first, inputs * kBlock));
    if (layer == last_layer()) {
      dy = std::max(dy, kernels_.largest_magnitude(logit_gradients_.data() + panel * kBlock, rows));
      continue;
    }
    const float* transposed = transposed_[layer].rows.data() + panel * transposed_[layer].panel;
    for (std::size_t block = share.update_blocks.begin; block < share.update_blocks.end; ++block) {
      dy = std::max(dy, kernels_.largest_magnitude(transposed + block * kBlock * kBlock, rows * kBlock));
    }
  }
  if (std::max(x, dy) >= std::bit_cast<std::uint32_t>(kInfinity)) return static_cast<double>(kInfinity);
  return static_cast<double>(rows_) * std::bit_cast<float>(x) * std::bit_cast<float>(dy);
}

}  // namespace millrace
