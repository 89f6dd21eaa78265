// Kernels as this project writes them, small: one for each thing that the emulated device must do right.
#pragma once

#include <cstddef>
#include <cstdint>
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

// to[i] = from[count - 1 - i], by one block through dynamic shared memory for all of them. Above 48 KiB only
// after allow_large_reversals.
void reverse_async(std::span<const float> from, std::span<float> to, cudaStream_t stream);
void allow_large_reversals(std::size_t count);

// What a lane hears from others.
struct Meeting {
  float of_lane;      // number 5 of its half warp
  float across;       // the lane whose number differs in bits 0 and 3, among its half warp
  float below;        // the lane 3 below, or itself
  float above;        // the lane 2 above, or itself
  std::uint32_t any;  // whether any value of the warp is positive, 0 or 1
  std::uint32_t all;  // whether all are
};
// A multiple of 64 values.
void meet_async(std::span<const float> values, std::span<Meeting> meetings, cudaStream_t stream);

// count[0] += how many values are positive.
void count_positive_async(std::span<const float> values, std::span<unsigned> count, cudaStream_t stream);

}  // namespace millrace::samples
