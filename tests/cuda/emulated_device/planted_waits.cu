// As planted_kernels.cu: the mistakes of threads that wait for counting barriers and flags.

#include "cuda/device/barrier.h"
#include "cuda/device/block.h"
#include "cuda/device/cluster.h"
#include "cuda/device/launch.h"
#include "cuda/device/spin_wait.h"
#include "planted_kernels.h"

namespace millrace::planted {

using namespace millrace::cuda;  // NOLINT(google-build-using-namespace): the vocabulary of a kernel file

namespace {

constexpr unsigned kTileBytes = kThreads * sizeof(float);

struct Tile {
  alignas(16) float of[kThreads];
  Barrier full;  // of one arrival
  Barrier all;   // of the block's threads
};

struct Flag {
  unsigned set;
  float value;
};

__device__ unsigned me() { return thread_index().x; }

__device__ Tile& initialised_tile() {
  auto& tile = block_shared<Tile>();
  if (me() == 0) {
    barrier_init(&tile.full, 1);
    barrier_init(&tile.all, kThreads);
  }
  block_barrier();
  return tile;
}

__device__ void fetch(Tile& tile, const float* from) {
  if (me() != 0) return;
  barrier_arrive_expect(&tile.full, kTileBytes);
  copy_bulk(tile.of, from, kTileBytes, &tile.full);
}

}  // namespace

__global__ void uninitialised_barrier_kernel(float*) { barrier_wait(&block_shared<Tile>().full, 0); }

__global__ void early_barrier_kernel(float*) {
  auto& tile = block_shared<Tile>();
  if (me() == 0) barrier_init(&tile.full, kThreads);
  barrier_arrive(&tile.full);
}

__global__ void many_arrivals_kernel(float*) {
  Tile& tile = initialised_tile();
  if (me() < 2) barrier_arrive_expect(&tile.full, kTileBytes);
}

__global__ void missing_bytes_kernel(float* memory) {
  Tile& tile = initialised_tile();
  if (me() == 0) barrier_arrive_expect(&tile.full, kTileBytes + 16);
  if (me() == 0) copy_bulk(tile.of, memory, kTileBytes, &tile.full);
  barrier_wait(&tile.full, 0);
}

__global__ void misaligned_bulk_kernel(float* memory) {
  Tile& tile = initialised_tile();
  fetch(tile, memory + 1);
  barrier_wait(&tile.full, 0);
}

__global__ void bulk_past_the_end_kernel(float* memory) {
  Tile& tile = initialised_tile();
  fetch(tile, memory + 256 - kThreads + 4);
  barrier_wait(&tile.full, 0);
}

__global__ void bulk_past_shared_kernel(float* memory) {
  Tile& tile = initialised_tile();
  if (me() == 0) copy_bulk(tile.of, memory, sizeof(Tile) + 16, &tile.full);
}

__global__ void bulk_of_freed_kernel(float* memory) {
  Tile& tile = initialised_tile();
  fetch(tile, memory);
  barrier_wait(&tile.full, 0);
}

__global__ void left_bulk_kernel(float* memory) { fetch(initialised_tile(), memory); }

__global__ void arrival_at_no_rank_kernel(float*) {
  Tile& tile = initialised_tile();
  cluster_barrier();
  barrier_arrive_at(&tile.full, 2);
}

__global__ void left_arrival_kernel(float*) {
  Tile& tile = initialised_tile();
  cluster_barrier();
  if (cluster_rank() == 0 && me() == 0) barrier_arrive_at(&tile.full, 1);
}

__global__ void mutual_wait_kernel(float* memory) {
  auto* flags = reinterpret_cast<unsigned*>(memory);
  if (me() >= 2) return;
  const unsigned* others = flags + 1 - me();
  spin_until([others] { return load_acquire(others) != 0; });
  store_release(flags + me(), 1);
}

__global__ void unset_flag_kernel(float* memory) {
  const auto* flag = reinterpret_cast<const unsigned*>(memory);
  if (block_index().x == 2 && me() == 5) spin_until([flag] { return load_acquire(flag) != 0; });
}

__global__ void early_bulk_kernel(float* memory) {
  Tile& tile = initialised_tile();
  fetch(tile, memory);
  if (me() == 0) memory[kThreads] = tile.of[3];
  barrier_wait(&tile.full, 0);
}

__global__ void overwritten_bulk_kernel(float* memory) {
  Tile& tile = initialised_tile();
  fetch(tile, memory);
  if (me() == 33) tile.of[3] = 1;
  barrier_wait(&tile.full, 0);
}

__global__ void bulk_over_read_kernel(float* memory) {
  Tile& tile = initialised_tile();
  tile.of[me()] = 1;
  block_barrier();
  memory[me()] = tile.of[me()];
  fetch(tile, memory + kThreads);
  barrier_wait(&tile.full, 0);
}

__global__ void others_arrival_kernel(float* memory) {
  Tile& tile = initialised_tile();
  tile.of[me()] = 0;
  block_barrier();
  tile.of[me()] = 1;
  barrier_arrive(&tile.all);
  if (me() == 0) barrier_arrive(&tile.all);
  barrier_wait(&tile.all, 0);
  memory[me()] = tile.of[(me() + 1) % kThreads];
}

__global__ void plain_spin_kernel(float* memory) {
  auto* flag = reinterpret_cast<unsigned*>(memory);
  if (me() == 40) store_release(flag, 1);
  if (me() == 3) spin_until([flag] { return *flag != 0; });
}

__global__ void plain_shared_spin_kernel(float*) {
  auto& flag = block_shared<Flag>();
  if (me() == 0) flag.set = 0;
  block_barrier();
  if (me() == 40) store_release(&flag.set, 1);
  if (me() == 3) spin_until([&flag] { return flag.set != 0; });
}

__global__ void early_flag_kernel(float* memory) {
  auto& flag = block_shared<Flag>();
  if (me() == 0) flag.set = 0;
  block_barrier();
  if (me() == 40) {
    store_release(&flag.set, 1);
    flag.value = 2;
  }
  if (me() == 3) {
    spin_until([&flag] { return load_acquire(&flag.set) != 0; });
    memory[0] = flag.value;
  }
}

__global__ void later_block_kernel(float* memory) {
  auto* flag = reinterpret_cast<unsigned*>(memory);
  if (block_index().x == 2 && me() == 0) store_release(flag, 1);
  if (block_index().x == 1) spin_until([flag] { return load_acquire(flag) != 0; });
}

void waits_at_an_uninitialised_barrier(std::span<float> memory, cudaStream_t stream) {
  launch<uninitialised_barrier_kernel>({.grid = 1, .block = 1}, stream, memory.data());
}
void forgets_the_barrier_after_an_initialisation(std::span<float> memory, cudaStream_t stream) {
  launch<early_barrier_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void arrives_more_often_than_the_count(std::span<float> memory, cudaStream_t stream) {
  launch<many_arrivals_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void expects_bytes_that_never_come(std::span<float> memory, cudaStream_t stream) {
  launch<missing_bytes_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void fetches_misaligned(std::span<float> memory, cudaStream_t stream) {
  launch<misaligned_bulk_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void fetches_from_past_the_end(std::span<float> memory, cudaStream_t stream) {
  launch<bulk_past_the_end_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void fetches_past_shared(std::span<float> memory, cudaStream_t stream) {
  launch<bulk_past_shared_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void fetches_freed_memory(std::span<float> memory, cudaStream_t stream) {
  void* gone = nullptr;
  cuda_check(cudaMallocAsync(&gone, memory.size_bytes(), stream), "cudaMallocAsync");
  cuda_check(cudaFreeAsync(gone, stream), "cudaFreeAsync");
  launch<bulk_of_freed_kernel>({.grid = 1, .block = kThreads}, stream, static_cast<float*>(gone));
}
void leaves_while_a_bulk_copy_runs(std::span<float> memory, cudaStream_t stream) {
  launch<left_bulk_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void arrives_at_a_rank_that_is_not_there(std::span<float> memory, cudaStream_t stream) {
  launch<arrival_at_no_rank_kernel>({.grid = 2, .block = kThreads, .cluster = 2}, stream, memory.data());
}
void leaves_while_another_block_arrives(std::span<float> memory, cudaStream_t stream) {
  launch<left_arrival_kernel>({.grid = 2, .block = kThreads, .cluster = 2}, stream, memory.data());
}
void waits_for_each_other(std::span<float> memory, cudaStream_t stream) {
  launch<mutual_wait_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void waits_for_a_flag_that_nobody_sets(std::span<float> memory, cudaStream_t stream) {
  launch<unset_flag_kernel>({.grid = 3, .block = kThreads}, stream, memory.data());
}
void reads_a_bulk_copy_too_early(std::span<float> memory, cudaStream_t stream) {
  launch<early_bulk_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void overwrites_a_bulk_copy(std::span<float> memory, cudaStream_t stream) {
  launch<overwritten_bulk_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void fetches_over_what_others_read(std::span<float> memory, cudaStream_t stream) {
  launch<bulk_over_read_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void arrives_twice_for_another(std::span<float> memory, cudaStream_t stream) {
  launch<others_arrival_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void spins_on_a_plain_read(std::span<float> memory, cudaStream_t stream) {
  launch<plain_spin_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void spins_on_a_plain_shared_read(std::span<float> memory, cudaStream_t stream) {
  launch<plain_shared_spin_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void reads_before_the_flag(std::span<float> memory, cudaStream_t stream) {
  launch<early_flag_kernel>({.grid = 1, .block = kThreads}, stream, memory.data());
}
void waits_for_a_later_block(std::span<float> memory, cudaStream_t stream) {
  launch<later_block_kernel>({.grid = 3, .block = kThreads}, stream, memory.data());
}

}  // namespace millrace::planted
