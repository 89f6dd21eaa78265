// Kernels as this project writes them, small: one for each thing that the emulated device must do right.
#pragma once

#include <cstddef>
#include <cuda_runtime_api.h>
#include <span>

namespace millrace::samples {

// sums[row] = Σ values[row][column], by strided threads, shuffles and one barrier.
void sum_rows_async(std::span<const float> values, std::size_t columns, std::span<float> sums,
                    cudaStream_t stream);

// sum[0] = Σ values, by the blocks of one cluster, which read each other's shared memory.
void sum_by_cluster_async(std::span<const float> values, std::span<float> sum, cudaStream_t stream);

// to[i] = factor * from[i] + addend
void scale_async(std::span<const float> from, float factor, float addend, std::span<float> to,
                 cudaStream_t stream);

// to[i] = from[i] reversed within tiles, each tile copied asynchronously while the one before it is worked
// on. A multiple of kTile values.
inline constexpr unsigned kTile = 64;
void reverse_tiles_async(std::span<const float> from, std::span<float> to, cudaStream_t stream);

// count[0] += how many values are positive.
void count_positive_async(std::span<const float> values, std::span<unsigned> count, cudaStream_t stream);

}  // namespace millrace::samples
