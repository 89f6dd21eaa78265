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
  // For batches of up to `capacity` rows. Arrays and exchange must outlive it.
  Network(const ParameterArrays& arrays, const Exchange& exchange, std::size_t thread, std::size_t capacity);

  // The next batch: so many rows, which go to `input`, panel by panel: [features][32 rows], zero behind them.
  void begin(std::size_t rows);
  [[nodiscard]] float* input(std::size_t panel) const { return input_.data() + panel * input_panel_; }

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
  // What goes into a layer, and how far it is there from one panel to the next.
  struct Input {
    const float* rows;
    std::size_t panel;
  };
  [[nodiscard]] Input input_of(std::size_t layer) const;
  [[nodiscard]] std::size_t last_layer() const { return hidden_.size(); }
  void logits_forward(const LayerShare& share);
  void transpose(const LayerShare& share, std::size_t layer);

  struct Hidden {
    std::size_t width;
    std::size_t panel;       // floats from one panel to the next
    FloatBuffer activation;  // [panels][width][32 rows]
    FloatBuffer transposed;  // [panels][blocks][32 rows][32]: the loss's gradient by it
  };

  const ParameterArrays& arrays_;
  const Exchange& exchange_;
  const VectorKernels& kernels_ = vector_kernels();
  const std::size_t thread_;
  std::size_t input_panel_;
  FloatBuffer input_;  // [panels][features][32 rows]
  std::vector<Hidden> hidden_;
  FloatBuffer gradient_[2];      // by the activation of an even or odd hidden layer, as it is
  FloatBuffer logits_;           // [panels][32]
  FloatBuffer logit_gradients_;  // [panels][32]

  // The batch in hand.
  std::size_t rows_ = 0;
  std::size_t panels_ = 0;
};

}  // namespace millrace
