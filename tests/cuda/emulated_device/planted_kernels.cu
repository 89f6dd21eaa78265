#include "cuda/device/async_copy.h"
#include "cuda/device/atomic.h"
#include "cuda/device/block.h"
#include "cuda/device/cluster.h"
#include "cuda/device/launch.h"
#include "cuda/device/warp.h"
#include "planted_kernels.h"

namespace millrace::planted {

using namespace millrace::cuda;  // NOLINT(google-build-using-namespace): the vocabulary of a kernel file

struct Row {
  float of[kThreads];
};

struct Counter {
  unsigned value;
};

struct HalfTheLimit {
  float of[7 * 1024];
};

struct OtherHalf {
  float of[7 * 1024];
};

__device__ unsigned me() { return thread_index().x; }

__global__ void leaves_early_kernel(float*) {
  if (block_index().x == 1 && me() == 5) return;
  block_barrier();
}

__global__ void two_barriers_kernel(float*) {
  if (me() / kWarpSize % 2 == 0) {
    block_barrier();
  } else {
    block_barrier();
  }
}

__global__ void skipped_shuffle_kernel(float* memory) {
  if (me() != 7) memory[me()] = shuffle_xor(1.0F, 1);
}

__global__ void outside_mask_kernel(float* memory) {
  if (me() < 4) memory[me()] = shuffle(1.0F, 9, 0xfU);
}

__global__ void not_in_mask_kernel(float* memory) {
  if (me() < 5) memory[me()] = shuffle(1.0F, 0, 0xfU);
}

__global__ void two_meetings_kernel(float* memory) {
  memory[me()] = me() % 2 == 0 ? shuffle(1.0F, 0) : static_cast<float>(warp_ballot(true));
}

__global__ void skipped_cluster_barrier_kernel(float*) {
  if (cluster_rank() != 1) cluster_barrier();
}

__global__ void two_arrivals_kernel(float*) {
  cluster_arrive();
  cluster_arrive();
}

__global__ void no_arrival_kernel(float*) { cluster_wait(); }

__global__ void past_the_end_kernel(float* memory) { memory[block_index().x * kThreads + me() + 1] = 1; }

__global__ void past_shared_kernel(float* memory) {
  auto& row = block_shared<Row>();
  row.of[me()] = 1;
  block_barrier();
  float* end = row.of;
  memory[me()] = end[me() + 1];
}

__global__ void past_dynamic_kernel(float* memory) {
  auto* row = reinterpret_cast<float*>(block_dynamic());
  row[me()] = 1;
  block_barrier();
  memory[me()] = row[me() + 1];
}

__global__ void past_remote_kernel(float* memory) {
  auto& row = block_shared<Row>();
  row.of[me()] = 1;
  cluster_barrier();
  const float* end = map_shared_rank(&row, 1 - cluster_rank())->of;
  memory[me()] = end[me() + 1];
  cluster_barrier();
}

__global__ void no_such_rank_kernel(float* memory) {
  auto& row = block_shared<Row>();
  row.of[me()] = 1;
  cluster_barrier();
  memory[me()] = map_shared_rank(&row, cluster_rank() + 1)->of[me()];
  cluster_barrier();
}

__global__ void mapped_global_kernel(float* memory) {
  cluster_barrier();
  memory[me()] = *map_shared_rank(memory + me(), 1 - cluster_rank());
  cluster_barrier();
}

__global__ void pointer_kernel(float* memory, const float* from) { memory[me()] = from[0]; }

__global__ void misaligned_kernel(float* memory) {
  memory[me()] = *reinterpret_cast<const float*>(reinterpret_cast<const char*>(memory + 128) + 2);
}

__global__ void misaligned_copy_kernel(float* memory) {
  auto& row = block_shared<Row>();
  if (me() < 4) millrace::cuda::copy_async<16>(&row.of[4 * me()], memory + kThreads + 4 * me() + 1);
}

__global__ void copy_past_the_end_kernel(float* memory) {
  auto& row = block_shared<Row>();
  millrace::cuda::copy_async<4>(&row.of[me()], memory + 3 * kThreads + me() + 1);
  copy_commit();
  copy_wait<0>();
}

__global__ void copy_past_shared_kernel(float* memory) {
  float* end = block_shared<Row>().of;
  millrace::cuda::copy_async<4>(end + me() + 1, memory + me());
  copy_commit();
  copy_wait<0>();
}

__global__ void copy_to_global_kernel(float* memory) {
  millrace::cuda::copy_async<4>(memory + me(), memory + kThreads + me());
}

__global__ void unwritten_shared_kernel(float* memory) {
  auto& row = block_shared<Row>();
  if (me() != 9) row.of[me()] = 1;
  block_barrier();
  memory[me()] = row.of[me()];
}

__global__ void write_then_read_kernel(float* memory) {
  auto& row = block_shared<Row>();
  row.of[me()] = 0;
  block_barrier();
  row.of[me()] = 1;
  memory[me()] = row.of[(me() + 1) % kThreads];
}

__global__ void read_then_write_kernel(float* memory) {
  auto& row = block_shared<Row>();
  row.of[me()] = 1;
  block_barrier();
  memory[me()] = row.of[0];
  // Every reader but the last one is ordered before the write.
  if (me() < kWarpSize) warp_barrier();
  if (me() == 0) row.of[0] = 2;
}

__global__ void warp_race_kernel(float* memory) {
  auto& row = block_shared<Row>();
  row.of[me()] = 1;
  const float neighbour = shuffle_xor(row.of[me()], 1);  // meets, and orders no memory
  memory[me()] = row.of[me() ^ 1U] + neighbour;
}

__global__ void half_atomic_kernel(float* memory) {
  auto& counter = block_shared<Counter>();
  if (me() == 0) counter.value = 0;
  block_barrier();
  atomic_add(&counter.value, 1);
  memory[me()] = static_cast<float>(counter.value);
}

__global__ void same_address_kernel(float*) { block_shared<Row>().of[0] = 1; }

__global__ void early_remote_kernel(float* memory) {
  auto& row = block_shared<Row>();
  row.of[me()] = 1;
  block_barrier();
  memory[me()] = map_shared_rank(&row, 1 - cluster_rank())->of[me()];
}

__global__ void left_remote_kernel(float* memory) {
  auto& row = block_shared<Row>();
  row.of[me()] = 1;
  cluster_barrier();
  if (cluster_rank() == 0) memory[me()] = map_shared_rank(&row, 1)->of[me()];
}

__global__ void remote_write_kernel(float* memory) {
  auto& row = block_shared<Row>();
  row.of[me()] = 1;
  cluster_barrier();
  if (cluster_rank() == 0) {
    map_shared_rank(&row, 1)->of[me()] = 2;
  } else {
    memory[me()] = row.of[me()];
  }
  cluster_barrier();
}

__global__ void early_copy_kernel(float* memory) {
  auto& row = block_shared<Row>();
  millrace::cuda::copy_async<4>(&row.of[me()], memory + kThreads + me());
  copy_commit();
  memory[me()] = row.of[me()];
  copy_wait<0>();
}

__global__ void uncommitted_copy_kernel(float* memory) {
  auto& row = block_shared<Row>();
  millrace::cuda::copy_async<4>(&row.of[me()], memory + kThreads + me());
  copy_wait<0>();
  memory[me()] = row.of[me()];
}

__global__ void newest_copy_kernel(float* memory) {
  auto* rows = reinterpret_cast<float*>(block_dynamic());  // [2][kThreads]
  for (unsigned i = 0; i < 2; ++i) {
    millrace::cuda::copy_async<4>(rows + i * kThreads + me(), memory + (i + 1) * kThreads + me());
    copy_commit();
  }
  copy_wait<1>();
  memory[me()] = rows[kThreads + me()];
}

__global__ void copy_over_read_kernel(float* memory) {
  auto& row = block_shared<Row>();
  row.of[me()] = 1;
  block_barrier();
  memory[me()] = row.of[kThreads - 1 - me()];
  millrace::cuda::copy_async<4>(&row.of[me()], memory + kThreads + me());
  copy_commit();
  copy_wait<0>();
}

__global__ void others_copy_kernel(float* memory) {
  auto& row = block_shared<Row>();
  row.of[me()] = 0;
  block_barrier();
  millrace::cuda::copy_async<4>(&row.of[me()], memory + kThreads + me());
  copy_commit();
  copy_wait<0>();
  memory[me()] = row.of[kThreads - 1 - me()];
}

__global__ void too_much_shared_kernel(float* memory) {
  block_shared<HalfTheLimit>().of[0] = 1;
  block_shared<OtherHalf>().of[0] = 1;
  memory[0] = 1;
}

__global__ void trapping_kernel(float*) {
  if (me() == 3) trap();
}

// nvcc refuses this one, so this file is for the emulated device alone.
void asks_for_too_much_shared(std::span<float> memory, cudaStream_t stream) {
  launch<too_much_shared_kernel>({.grid = 1, .block = 1}, stream, memory.data());
}

void leaves_before_the_barrier(std::span<float> memory, cudaStream_t stream) {
  launch<leaves_early_kernel>({.grid = 3, .block = kThreads}, stream, memory.data());
}
void waits_at_two_barriers(std::span<float> memory, cudaStream_t stream) {
  launch<two_barriers_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void skips_a_shuffle(std::span<float> memory, cudaStream_t stream) {
  launch<skipped_shuffle_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void shuffles_from_outside_its_mask(std::span<float> memory, cudaStream_t stream) {
  launch<outside_mask_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void skips_the_cluster_barrier(std::span<float> memory, cudaStream_t stream) {
  launch<skipped_cluster_barrier_kernel>({.grid = 2, .block = kThreads, .cluster = 2}, stream, memory.data());
}
void writes_past_the_end(std::span<float> memory, cudaStream_t stream) {
  launch<past_the_end_kernel>({.grid = 4, .block = kThreads}, stream, memory.data());
}
void reads_past_shared(std::span<float> memory, cudaStream_t stream) {
  launch<past_shared_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void reads_past_dynamic(std::span<float> memory, cudaStream_t stream) {
  launch<past_dynamic_kernel>({.grid = 1, .block = kThreads, .dynamic_bytes = sizeof(Row)}, stream,
                              memory.data());
}
void reads_a_host_variable(std::span<float> memory, cudaStream_t stream) {
  static const auto* on_the_heap = new float(1);
  launch<pointer_kernel>({.grid = 1, .block = 1}, stream, memory.data(), on_the_heap);
}
void reads_misaligned(std::span<float> memory, cudaStream_t stream) {
  launch<misaligned_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void reads_unwritten_shared(std::span<float> memory, cudaStream_t stream) {
  launch<unwritten_shared_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void forgets_the_barrier_after_a_write(std::span<float> memory, cudaStream_t stream) {
  launch<write_then_read_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void forgets_the_barrier_after_a_read(std::span<float> memory, cudaStream_t stream) {
  launch<read_then_write_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void forgets_the_warp_barrier(std::span<float> memory, cudaStream_t stream) {
  launch<warp_race_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void writes_one_address_twice(std::span<float> memory, cudaStream_t stream) {
  launch<same_address_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void reads_another_block_too_early(std::span<float> memory, cudaStream_t stream) {
  launch<early_remote_kernel>({.grid = 2, .block = kThreads, .cluster = 2}, stream, memory.data());
}
void leaves_while_another_block_reads(std::span<float> memory, cudaStream_t stream) {
  launch<left_remote_kernel>({.grid = 2, .block = kThreads, .cluster = 2}, stream, memory.data());
}
void writes_another_block_without_barrier(std::span<float> memory, cudaStream_t stream) {
  launch<remote_write_kernel>({.grid = 2, .block = kThreads, .cluster = 2}, stream, memory.data());
}
void reads_a_copy_too_early(std::span<float> memory, cudaStream_t stream) {
  launch<early_copy_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void reads_anothers_copy_without_barrier(std::span<float> memory, cudaStream_t stream) {
  launch<others_copy_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void shuffles_outside_its_mask(std::span<float> memory, cudaStream_t stream) {
  launch<not_in_mask_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void shuffles_while_others_vote(std::span<float> memory, cudaStream_t stream) {
  launch<two_meetings_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void arrives_twice_at_the_cluster_barrier(std::span<float> memory, cudaStream_t stream) {
  launch<two_arrivals_kernel>({.grid = 2, .block = kThreads, .cluster = 2}, stream, memory.data());
}
void waits_at_the_cluster_barrier_without_arriving(std::span<float> memory, cudaStream_t stream) {
  launch<no_arrival_kernel>({.grid = 2, .block = kThreads, .cluster = 2}, stream, memory.data());
}
void reads_past_another_blocks_shared(std::span<float> memory, cudaStream_t stream) {
  launch<past_remote_kernel>({.grid = 2, .block = kThreads, .cluster = 2}, stream, memory.data());
}
void maps_a_rank_that_is_not_there(std::span<float> memory, cudaStream_t stream) {
  launch<no_such_rank_kernel>({.grid = 2, .block = kThreads, .cluster = 2}, stream, memory.data());
}
void maps_global_memory(std::span<float> memory, cudaStream_t stream) {
  launch<mapped_global_kernel>({.grid = 2, .block = kThreads, .cluster = 2}, stream, memory.data());
}
void copies_misaligned(std::span<float> memory, cudaStream_t stream) {
  launch<misaligned_copy_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void copies_from_past_the_end(std::span<float> memory, cudaStream_t stream) {
  launch<copy_past_the_end_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void copies_past_shared(std::span<float> memory, cudaStream_t stream) {
  launch<copy_past_shared_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void copies_to_global_memory(std::span<float> memory, cudaStream_t stream) {
  launch<copy_to_global_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void reads_without_atomics_what_others_count(std::span<float> memory, cudaStream_t stream) {
  launch<half_atomic_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void forgets_to_commit_a_copy(std::span<float> memory, cudaStream_t stream) {
  launch<uncommitted_copy_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void waits_for_the_older_of_two_copies(std::span<float> memory, cudaStream_t stream) {
  launch<newest_copy_kernel>({.grid = 1, .block = kThreads, .dynamic_bytes = 2 * sizeof(Row)}, stream,
                             memory.data());
}
void copies_over_what_others_read(std::span<float> memory, cudaStream_t stream) {
  launch<copy_over_read_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void traps(std::span<float> memory, cudaStream_t stream) {
  launch<trapping_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}

}  // namespace millrace::planted
