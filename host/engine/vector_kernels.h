// The engine's own inner loops, compiled once per instruction set and chosen when the program starts.
//
// Pure functions over plain arrays; any thread may call them. None reads or writes beyond the counts it is
// given, and each works in a fixed order: the same arguments on the same kind of machine give the same bits.
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

struct VectorKernels {
  std::string_view name;

  void (*adam)(const AdamConstants& constants, const AdamArrays& arrays, std::size_t begin, std::size_t end);

  // The largest |value| as the bits of a float; NaN counts as larger than everything.
  std::uint32_t (*largest_magnitude)(const float* values, std::size_t count);

  // gradient[i] = 0 where the ReLU before it was shut.
  void (*mask_by_relu)(float* gradient, const float* activation, std::size_t count);

  // out[r] = rows[r]·weights + bias; rows [count, width].
  void (*dot_rows)(const float* rows, std::size_t count, std::size_t width, const float* weights, float bias,
                   float* out);

  // sum[k] += factors[r]·rows[r][k] over all r, in the order of r; rows [count, width].
  void (*add_scaled_rows)(const float* rows, std::size_t count, std::size_t width, const float* factors,
                          float* sum);

  // out[r][k] = factors[r]·weights[k] where activation[r][k] > 0, else 0; all [count, width].
  void (*spread_through_relu)(const float* factors, const float* weights, const float* activation,
                              std::size_t count, std::size_t width, float* out);

  // out[f] = (x[f] - shift[f])·factor[f], in double until the end; a NaN counts as substitute[f].
  void (*scale_row)(const float* x, const double* substitute, const double* shift, const double* factor,
                    std::size_t features, float* out);
};

// The best set for this processor.
[[nodiscard]] const VectorKernels& vector_kernels();

// Every set that this processor can run, the best one first.
[[nodiscard]] std::span<const VectorKernels* const> runnable_vector_kernels();

}  // namespace millrace
