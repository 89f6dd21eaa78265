// The network as one thread of the engine computes it: a batch goes forward to logits and back to gradients,
// layer by layer.
//
// A pass goes by this thread's share of the layer: all of it, or a part, in which case the others do theirs
// in the same stage, and in the next one each joins what all have left in the exchange. Owned by a worker,
// one thread at a time. Allocates in the constructor only.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/exchange.h"
#include "engine/float_buffer.h"
#include "engine/parameter_arrays.h"
#include "engine/partition.h"
#include "engine/vector_kernels.h"

namespace millrace {

class Network {
 public:
  // For batches of up to `capacity` rows. The kernels are those for bfloat16 where the arrays keep their
  // weights rounded. All must outlive it.
  Network(const VectorKernels& kernels, const ParameterArrays& arrays, const Exchange& exchange,
          std::size_t thread, std::size_t capacity);

  // The next batch: so many rows, which go to `input`, panel by panel: [features][32 rows], zero behind them.
  void begin(std::size_t rows);
  [[nodiscard]] float* input(std::size_t panel) const {
    return inputs_[0].rows.data() + panel * inputs_[0].panel;
  }
  // When they are there.
  void input_is_complete() { round_input(0, {0, inputs_[0].width}); }

  // In the order of the layers; after a layer split by rows, join_outputs in the next stage.
  void forward(const LayerShare& share, std::size_t layer);
  void join_outputs(std::size_t layer);

  // After the last layer: a logit for each row, and behind them those of what fills up the last panel.
  [[nodiscard]] const float* logits() const { return logits_.data(); }
  // The loss's gradient by each logit, for `backward`; those behind the rows are zero.
  [[nodiscard]] float* logit_gradients() const { return logit_gradients_.data(); }

  // From the last layer to the second: the gradient by the layer's input; after a layer split by columns,
  // join_input_gradient in the next stage. `below` is the share of the layer before it.
  void backward(const LayerShare& share, const LayerShare& below, std::size_t layer);
  void join_input_gradient(const LayerShare& below, std::size_t layer);

  // After all that: the gradient by some rows of a block of weights, to `gradient` (or added to it), where
  // they stand as in ParameterArrays. The block is one that the share says this thread updates.
  void weight_gradient(std::size_t layer, std::size_t block, Range weight_rows, bool add,
                       float* gradient) const;

  // No gradient by a weight that this share updates is larger than this. Infinite where what they are made of
  // is not finite; then only the gradients themselves tell.
  [[nodiscard]] double largest_gradient(const LayerShare& share, std::size_t layer) const;

 private:
  // A matrix of [panels][width][32], as it is and as products multiply it: the same, or in bfloat16, at half
  // the distance from the beginning.
  struct Rows {
    std::size_t width;
    std::size_t panel;    // floats from one panel to the next
    FloatBuffer rows;     // [panels][width][32]
    FloatBuffer pairs;    // [panels][width / 2][32]; empty without bf16
    FloatBuffer rounded;  // [panels][width][16]; likewise
  };
  [[nodiscard]] Rows make_rows(std::size_t width, std::size_t capacity, std::size_t stagger) const;
  [[nodiscard]] const float* in_pairs(const Rows& rows) const {
    return (is_bf16() ? rows.pairs : rows.rows).data();
  }
  [[nodiscard]] const float* as_they_are(const Rows& rows) const {
    return (is_bf16() ? rows.rounded : rows.rows).data();
  }
  [[nodiscard]] bool is_bf16() const { return arrays_.numbers() == 2; }
  [[nodiscard]] std::size_t last_layer() const { return arrays_.hidden_layers(); }
  void logits_forward(const LayerShare& share);
  void round_input(std::size_t layer, Range features);
  void gradient_is_complete(const LayerShare& share, std::size_t layer);

  const ParameterArrays& arrays_;
  const Exchange& exchange_;
  const VectorKernels& kernels_;
  const std::size_t thread_;
  std::vector<Rows> inputs_;  // by layer: what goes into it
  std::vector<Rows>
      transposed_;  // by hidden layer: the loss's gradient by its output, [panels][blocks][32 rows][32]
  std::vector<Rows> gradients_;  // the same as it is, of an even or odd hidden layer
  FloatBuffer logits_;           // [panels][32]
  FloatBuffer logit_gradients_;  // [panels][32]

  // The batch in hand.
  std::size_t rows_ = 0;
  std::size_t panels_ = 0;
};

}  // namespace millrace
