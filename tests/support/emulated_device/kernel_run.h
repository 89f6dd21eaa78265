// Runs one kernel, each CUDA thread on a fiber of its own that runs until it must wait for others. Clusters
// (single blocks mostly) and warps run in an order drawn from a seed: cluster after cluster, and where
// threads wait for flags (spin_until), some at a time. Where all that were started wait, those start that are
// earlier in the grid, and no others.
//
// The first failure ends the kernel: its fibers are left where they stand, which is why kernels own nothing.
#pragma once

#include <array>
#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <source_location>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cuda/device/launch_shape.h"
#include "cuda/device/twin.h"
#include "support/emulated_device/emulated_device.h"
#include "support/emulated_device/fiber_stacks.h"
#include "support/emulated_device/fiber_switch.h"
#include "support/emulated_device/memory.h"
#include "support/emulated_device/shared_memory.h"

namespace millrace::emulated {

struct Kernel {
  cuda::twin::KernelCall call;
  cuda::LaunchShape shape;
};

// What outlives a kernel, so that it is set up once.
struct Multiprocessor {
  FiberStacks stacks;
  std::vector<std::unique_ptr<SharedMemory>> spare;
};

class KernelRun {
 public:
  // `work` is the kernel's number in `memory`.
  KernelRun(const Kernel& kernel, Memory& memory, Multiprocessor& multiprocessor, std::uint32_t work,
            const Settings& settings, std::uint64_t seed);

  [[nodiscard]] std::optional<Failure> run();

  // The run whose fiber this is, nullptr on the host. The rest is called by that fiber.
  [[nodiscard]] static KernelRun* running();
  [[nodiscard]] const cuda::twin::ThreadPlace& here() const { return current_->place; }
  void block_barrier(std::source_location site);
  void cluster_arrive();
  void cluster_wait();
  void warp_barrier(unsigned mask);
  void require_lane(unsigned mask, unsigned lane, const char* operation);
  // What it returns lives until the lane's next call.
  [[nodiscard]] const cuda::twin::LaneValues& warp_exchange(unsigned mask, const cuda::twin::LaneValue& mine,
                                                            const char* operation);
  [[nodiscard]] void* shared_object(const void* key, std::size_t bytes, std::size_t alignment);
  [[nodiscard]] void* dynamic_shared() const;
  [[nodiscard]] void* map_shared_rank(const void* local, unsigned rank);
  void copy_async(void* to, const void* from, std::size_t bytes);
  void copy_commit();
  void copy_wait(unsigned groups_left);
  void barrier_init(void* barrier, unsigned arrivals);
  void barrier_arrive(void* barrier, unsigned expected_bytes);
  void barrier_arrive_at(const void* local_barrier, unsigned rank);
  void barrier_wait(const void* barrier, unsigned parity);
  void copy_bulk(void* to, const void* from, std::size_t bytes, const void* barrier);
  void release_flag(const void* flag, std::size_t bytes);
  void acquire_flag(const void* flag, std::size_t bytes);
  void spin_begins();
  void spin_looks() { current_->looks = true; }
  void spin_looked(bool done);
  void observe(const void* address, std::size_t bytes, Access access);
  [[noreturn]] void fail(Failure::Kind kind, std::string detail);

 private:
  enum class State {
    fresh,
    ready,
    at_block_barrier,
    at_cluster_barrier,
    at_warp,
    at_counting_barrier,
    spinning,
    finished
  };

  struct AsyncCopy {
    void* to;
    const void* from;
    std::size_t bytes;
  };
  // Lanes of a warp on their way through one shuffle, vote or warp barrier.
  struct Meeting {
    unsigned mask = 0;
    unsigned arrived = 0;
    const char* operation = nullptr;
    std::shared_ptr<cuda::twin::LaneValues> values;
  };
  struct Cluster;
  struct Thread {
    Cluster* cluster;
    cuda::twin::ThreadPlace place;
    State state;
    unsigned index;  // within the cluster
    boost::context::detail::fcontext_t context;
    std::byte* stack;
    void* kept_by_sanitizer;
    std::string_view waits_in;
    bool looks;           // asks the predicate of a spin-wait
    std::uint32_t clock;  // warp barriers passed, and releases
    AcquiredPointer acquired;
    std::uint32_t cluster_arrivals;
    std::uint32_t cluster_waits;
    std::array<std::uint32_t, 32> warp_seen;
    std::shared_ptr<const cuda::twin::LaneValues> met;  // what the last meeting brought
    std::deque<std::vector<AsyncCopy>> copies;          // groups, oldest first; the last one is open
  };
  struct Block {
    unsigned waiting = 0;
    unsigned finished = 0;
    std::uint32_t epoch = 0;
    std::source_location site;  // of the barrier that threads wait at
    // When threads of other blocks and bulk copies last reached into it, by thread: the block ends after
    // that.
    std::unordered_map<std::uint32_t, Moment> reached_into;
  };
  struct CountingBarrier {
    unsigned rank;
    std::uint32_t number;  // within the cluster
    unsigned arrivals;     // of each phase
    unsigned missing;
    std::int64_t missing_bytes = 0;
    std::uint32_t phase = 0;
    Moment initialised;
    AcquiredPointer gathers;    // what this phase's arrivals release
    AcquiredPointer completed;  // and those of all phases before
    std::vector<Thread*> waiting;
  };
  struct BulkCopy {
    Cluster* cluster;
    void* to;
    const void* from;
    std::size_t bytes;
    CountingBarrier* barrier;
  };
  struct Cluster {
    unsigned index;  // within the grid
    std::unique_ptr<SharedMemory> shared;
    std::vector<Thread> threads;
    std::vector<Block> blocks;
    std::vector<std::vector<Meeting>> meetings;  // by warp
    unsigned finished;
    unsigned arrived;
    std::uint32_t phases;     // cluster barriers that all have arrived at
    AcquiredPointer gathers;  // what arrivals at the next one release
    AcquiredPointer completed;
    std::map<const void*, CountingBarrier> barriers;
    std::map<const void*, AcquiredPointer> published;  // by flag
  };

  void start(unsigned index);
  bool start_an_earlier_one();
  void place_threads(Cluster& cluster);
  bool step();
  void retire(Cluster& cluster);
  void resume(Thread& thread);
  void suspend(State state, std::string_view waits_in);
  [[noreturn]] void leave_for_good();
  static void enter(boost::context::detail::transfer_t from);
  void end_thread(Thread& thread);
  void name_the_stuck();
  void release_lanes(unsigned lanes);
  void join_warp_clocks(unsigned lanes);
  void land(const std::vector<AsyncCopy>& group);
  void check_block_alive(const void* address);
  CountingBarrier& usable_barrier(const void* address, const char* does);
  void arrive_at(CountingBarrier& barrier, unsigned expected_bytes);
  void end_phase_if_done(CountingBarrier& barrier, Cluster& cluster);
  void land_one_bulk_copy();
  void require_barriers(const char* call);
  [[nodiscard]] AcquiredPointer release();
  [[nodiscard]] std::string why_it_waits(const Thread& stuck) const;
  void keep_failure(const Thread& thread, Failure::Kind kind, std::string detail);
  [[nodiscard]] Moment moment() const;
  [[nodiscard]] Knowledge knowledge() const;
  [[nodiscard]] Cluster& cluster() const { return *current_->cluster; }
  [[nodiscard]] SharedMemory& shared() const { return *current_->cluster->shared; }
  [[nodiscard]] Block& block() const { return cluster().blocks[current_->place.cluster_rank]; }
  [[nodiscard]] unsigned warp_begin() const;  // index of lane 0 of the current thread's warp
  [[nodiscard]] unsigned lanes_present() const;

  const Kernel& kernel_;
  Memory& memory_;
  Multiprocessor& multiprocessor_;
  const std::uint32_t work_;
  const bool check_accesses_;
  const int compute_capability_;
  std::mt19937_64 random_;

  unsigned threads_per_block_;
  unsigned blocks_per_cluster_;
  std::vector<unsigned> unstarted_;  // clusters, the next one last
  std::vector<std::unique_ptr<Cluster>> running_;
  std::vector<std::unique_ptr<Cluster>> ended_;  // to be used again
  std::deque<Thread*> ready_;                    // that can go on, or wait for a flag
  std::size_t fruitless_looks_ = 0;  // of threads in ready_, one after the other, with nothing done between
  std::size_t interleaved_ = 0;      // clusters at a time by choice, once a thread waits for a flag
  bool interleave_ = false;          // another one is to start, if there is room
  std::vector<BulkCopy> bulk_copies_;

  Thread* current_ = nullptr;
  boost::context::detail::fcontext_t scheduler_ = nullptr;
  StackBounds scheduler_stack_;
  std::optional<Failure> failure_;
};

}  // namespace millrace::emulated
