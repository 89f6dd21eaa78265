// Kernels whose threads wait by counting barriers and flags: one for each way of waiting.
#pragma once

#include <cuda_runtime_api.h>
#include <span>

namespace millrace::samples {

// sums[thread] = Σ over tiles of tile[kBulkThreads - 1 - thread], by one block: one warp fetches tiles by
// bulk copies into two places, full and empty in turn, and the others consume them. A multiple of
// kBulkThreads values. sm_90.
inline constexpr unsigned kBulkThreads = 64;  // that consume
void sum_tiles_async(std::span<const float> values, std::span<float> sums, cudaStream_t stream);

// visits[0] = the numbers of a cluster's blocks, one digit each, in the order in which they held the token
// that they hand round `rounds` times. sm_90.
inline constexpr unsigned kRingBlocks = 4;
void pass_token_async(unsigned rounds, std::span<unsigned> visits, cudaStream_t stream);

// sums[i] = values[0] + … + values[i], in one pass: each block adds up its tile and looks back to the blocks
// before it for the rest. Scratch, one element for each tile of kScanThreads: `states` all 0.
inline constexpr unsigned kScanThreads = 64;
void prefix_sums_async(std::span<const unsigned> values, std::span<unsigned> sums, std::span<unsigned> states,
                       std::span<unsigned> tile_sums, std::span<unsigned> sums_up_to, cudaStream_t stream);

// The same, where the first block to start takes the first tile, so that no order of blocks is needed.
// `ticket` is 0.
void prefix_sums_by_ticket_async(std::span<const unsigned> values, std::span<unsigned> sums,
                                 std::span<unsigned> states, std::span<unsigned> tile_sums,
                                 std::span<unsigned> sums_up_to, std::span<unsigned> ticket,
                                 cudaStream_t stream);

}  // namespace millrace::samples
