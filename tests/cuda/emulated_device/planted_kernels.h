// Kernels with one mistake each, which the emulated device promises to find.
#pragma once

#include <cuda_runtime_api.h>
#include <span>

namespace millrace::planted {

using Plant = void (*)(std::span<float> memory,
                       cudaStream_t stream);  // 256 floats of device memory, all written

inline constexpr unsigned kThreads = 64;

void leaves_before_the_barrier(std::span<float> memory, cudaStream_t stream);  // thread 5 of block 1
void waits_at_two_barriers(std::span<float> memory, cudaStream_t stream);      // odd warps at another one
void skips_a_shuffle(std::span<float> memory, cudaStream_t stream);            // lane 7
void shuffles_from_outside_its_mask(std::span<float> memory, cudaStream_t stream);
void skips_the_cluster_barrier(std::span<float> memory, cudaStream_t stream);  // the block of rank 1
void writes_past_the_end(std::span<float> memory, cudaStream_t stream);        // thread 63 of block 3
void reads_past_shared(std::span<float> memory, cudaStream_t stream);
void reads_past_dynamic(std::span<float> memory, cudaStream_t stream);
void reads_a_host_variable(std::span<float> memory, cudaStream_t stream);
void reads_misaligned(std::span<float> memory, cudaStream_t stream);
void reads_unwritten_shared(std::span<float> memory, cudaStream_t stream);
void forgets_the_barrier_after_a_write(std::span<float> memory, cudaStream_t stream);
void forgets_the_barrier_after_a_read(std::span<float> memory,
                                      cudaStream_t stream);  // early readers, late writer
void forgets_the_warp_barrier(std::span<float> memory, cudaStream_t stream);
void writes_one_address_twice(std::span<float> memory, cudaStream_t stream);
void reads_another_block_too_early(std::span<float> memory, cudaStream_t stream);
void leaves_while_another_block_reads(std::span<float> memory, cudaStream_t stream);
void writes_another_block_without_barrier(std::span<float> memory, cudaStream_t stream);
void reads_a_copy_too_early(std::span<float> memory, cudaStream_t stream);
void reads_anothers_copy_without_barrier(std::span<float> memory, cudaStream_t stream);
void shuffles_outside_its_mask(std::span<float> memory, cudaStream_t stream);
void shuffles_while_others_vote(std::span<float> memory, cudaStream_t stream);
void arrives_twice_at_the_cluster_barrier(std::span<float> memory, cudaStream_t stream);
void waits_at_the_cluster_barrier_without_arriving(std::span<float> memory, cudaStream_t stream);
void reads_past_another_blocks_shared(std::span<float> memory, cudaStream_t stream);
void maps_a_rank_that_is_not_there(std::span<float> memory, cudaStream_t stream);
void maps_global_memory(std::span<float> memory, cudaStream_t stream);
void copies_misaligned(std::span<float> memory, cudaStream_t stream);
void copies_from_past_the_end(std::span<float> memory, cudaStream_t stream);
void copies_past_shared(std::span<float> memory, cudaStream_t stream);
void copies_to_global_memory(std::span<float> memory, cudaStream_t stream);
void reads_without_atomics_what_others_count(std::span<float> memory, cudaStream_t stream);
void forgets_to_commit_a_copy(std::span<float> memory, cudaStream_t stream);
void waits_for_the_older_of_two_copies(std::span<float> memory, cudaStream_t stream);
void copies_over_what_others_read(std::span<float> memory, cudaStream_t stream);
void asks_for_too_much_shared(std::span<float> memory, cudaStream_t stream);
void traps(std::span<float> memory, cudaStream_t stream);

// Of threads that wait (planted_waits.cu).
void waits_at_an_uninitialised_barrier(std::span<float> memory, cudaStream_t stream);
void forgets_the_barrier_after_an_initialisation(std::span<float> memory, cudaStream_t stream);
void arrives_more_often_than_the_count(std::span<float> memory, cudaStream_t stream);
void expects_bytes_that_never_come(std::span<float> memory, cudaStream_t stream);
void fetches_misaligned(std::span<float> memory, cudaStream_t stream);
void fetches_from_past_the_end(std::span<float> memory, cudaStream_t stream);
void fetches_past_shared(std::span<float> memory, cudaStream_t stream);
void fetches_freed_memory(std::span<float> memory, cudaStream_t stream);
void leaves_while_a_bulk_copy_runs(std::span<float> memory, cudaStream_t stream);
void arrives_at_a_rank_that_is_not_there(std::span<float> memory, cudaStream_t stream);
void leaves_while_another_block_arrives(std::span<float> memory, cudaStream_t stream);
void waits_for_each_other(std::span<float> memory, cudaStream_t stream);
void waits_for_a_flag_that_nobody_sets(std::span<float> memory, cudaStream_t stream);
void reads_a_bulk_copy_too_early(std::span<float> memory, cudaStream_t stream);
void overwrites_a_bulk_copy(std::span<float> memory, cudaStream_t stream);
void fetches_over_what_others_read(std::span<float> memory, cudaStream_t stream);
void arrives_twice_for_another(std::span<float> memory, cudaStream_t stream);
void spins_on_a_plain_read(std::span<float> memory, cudaStream_t stream);
void spins_on_a_plain_shared_read(std::span<float> memory, cudaStream_t stream);
void reads_before_the_flag(std::span<float> memory, cudaStream_t stream);
void waits_for_a_later_block(std::span<float> memory, cudaStream_t stream);

}  // namespace millrace::planted
