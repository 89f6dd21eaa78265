// The engine's inner loops, compiled once per instruction set and chosen when the program starts.
//
// Pure functions over plain arrays; any thread may call them. None reads or writes beyond the counts it is
// given, and each works in a fixed order: the same arguments on the same kind of machine give the same bits.
// Matrices are blocked (blocked.h): [n][32] is n rows of 32 floats. `lanes` says how many columns of a panel
// are computed: 16 or 32. In the set for bfloat16, what dense, data_gradient and weight_gradient multiply is
// half as large: the matrix that they go down row by row is of pairs of rows, the other one as it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace millrace {

// The constants of one Adam update (engine.h), as Keras writes it:
//   m += (g - m)·(1 - β1);  v += (g² - v)·(1 - β2);  w -= α_t·m / (sqrt(v) + ε)
struct AdamConstants {
  float one_minus_beta1;
  float one_minus_beta2;
  float step_size;  // α_t
  float epsilon;
};

// What one Adam update reads and writes: four arrays of one length.
struct AdamArrays {
  float* parameters;
  float* first_moment;
  float* second_moment;
  const float* gradient;
};

// Up to 32 outputs of a layer for one panel.
struct DenseBlock {
  const float* x;     // [inputs][32 rows]
  const float* w;     // [inputs][32 outputs]
  const float* bias;  // [32 outputs]; null: none
  std::size_t inputs;
  std::size_t outputs;
  bool relu;
  float* y;  // [outputs][32 rows]
};

// The gradient by up to 32 inputs of a layer for one panel.
struct DataGradientBlock {
  const float* w;       // of the first input, in the first block of outputs
  std::size_t w_block;  // from one block of outputs to the next
  const float* dy;      // [outputs][32 rows]
  std::size_t outputs;
  std::size_t inputs;
  const float* relu;  // [inputs][32 rows] what the ReLU below let through; null: no ReLU
  float* dx;          // [inputs][32 rows]
};

// The gradient by the weights of up to 32 outputs, from all panels of a batch.
struct WeightGradientBlock {
  const float* x;       // [inputs][32 rows] in each panel
  std::size_t x_panel;  // from one panel to the next
  const float* dy;      // transposed: [rows][32 outputs] in each panel
  std::size_t dy_panel;
  std::size_t rows;
  std::size_t inputs;
  bool add;   // to what is there
  float* dw;  // [inputs][32 outputs]
};

// How a row's features enter the network; arrays of [features].
struct RowScaling {
  const double* substitute;
  const double* shift;
  const double* factor;
  std::size_t features;
};

struct VectorKernels {
  std::string_view name;

  // y = max(x·w + bias, 0), or without max. NaN stays NaN.
  void (*dense)(const DenseBlock& block, std::size_t lanes);
  // dx = w·dy where the ReLU was open, else 0.
  void (*data_gradient)(const DataGradientBlock& block, std::size_t lanes);
  // dw = x·dy, summed over rows in their order within each panel, then over panels.
  void (*weight_gradient)(const WeightGradientBlock& block);
  // The same for the bias: as if x were 1. `inputs` and `x` are not looked at.
  void (*bias_gradient)(const WeightGradientBlock& block);
  // to[c][r] = from[r][c]; both [32][32].
  void (*transpose)(const float* from, float* to);

  // y = max(sum of parts, 0), the parts added in their order. From `begin` to `end` of every array, which are
  // multiples of 16.
  void (*join_relu)(const float* const* parts, std::size_t part_count, std::size_t begin, std::size_t end,
                    float* y);
  // dx = sum of parts where relu > 0, else 0; likewise.
  void (*join_masked)(const float* const* parts, std::size_t part_count, const float* relu, std::size_t begin,
                      std::size_t end, float* dx);

  // The last layer, which has one output. logits[r] = w·x[][r] + bias; x [inputs][32 rows], logits [32].
  void (*logits)(const float* x, std::size_t inputs, const float* w, float bias, float* logits);
  // dx[i][r] = w[i]·dz[r] where relu[i][r] > 0, else 0.
  void (*logits_data_gradient)(const float* dz, const float* w, std::size_t inputs, const float* relu,
                               float* dx);
  // dw[i] = sum over `lanes` of x[i][r]·dz[r]; with `add`, to what is there.
  void (*logits_weight_gradient)(const float* x, std::size_t inputs, const float* dz, std::size_t lanes,
                                 bool add, float* dw);

  void (*adam)(const AdamConstants& constants, const AdamArrays& arrays, std::size_t count);

  // The largest |value| as the bits of a float; NaN counts as larger than everything.
  std::uint32_t (*largest_magnitude)(const float* values, std::size_t count);

  // sum[i] += more[i].
  void (*add)(const float* more, std::size_t count, float* sum);

  // Up to 32 rows of [.][features] become a panel, [features][32], with zeros behind them: each value as
  // (x - shift)·factor, in double until the end, where a NaN counts as the substitute.
  void (*gather_rows)(const RowScaling& scaling, const float* values, const std::uint32_t* rows,
                      std::size_t count, float* panel);

  // losses[i] = max(z, 0) - z·y + log(1 + exp(-|z|)) of a logit z and a label y, slopes[i] = sigmoid(z) - y;
  // within a few units in the last place. Of a z that is not finite the loss is not either.
  void (*logistic_loss)(const float* logits, const float* labels, std::size_t count, float* losses,
                        float* slopes);

  // Only in the set for bfloat16, null in others. Both take [rows][32].
  // As they are: 32 bfloat16 a row, in the place of 16 floats.
  void (*to_bf16)(const float* from, std::size_t rows, float* to);
  // Two rows beside each other, of which the second is zero behind the last: 32 pairs in the place of floats.
  void (*to_bf16_pairs)(const float* from, std::size_t rows, float* to);
};

// The best set for this processor.
[[nodiscard]] const VectorKernels& vector_kernels();

// The set whose products are of bfloat16; null where the processor has no instructions for it.
[[nodiscard]] const VectorKernels* bf16_kernels();

// Every set for float32 that this processor can run, the best one first.
[[nodiscard]] std::span<const VectorKernels* const> runnable_vector_kernels();

}  // namespace millrace
