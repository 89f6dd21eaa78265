// Runs one kernel: block after block (cluster after cluster), each CUDA thread on a fiber of its own that
// runs until it must wait for others. Blocks and warps run in an order drawn from a seed.
//
// The first failure ends the kernel: its fibers are left where they stand, which is why kernels own nothing.
#pragma once

#include <array>
#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <source_location>
#include <string>
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
  SharedMemory shared;
};

class KernelRun {
 public:
  // `work` is the kernel's number in `memory`. Accesses are observed where `check_accesses`.
  KernelRun(const Kernel& kernel, Memory& memory, Multiprocessor& multiprocessor, std::uint32_t work,
            bool check_accesses, std::uint64_t seed);

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
  void observe(const void* address, std::size_t bytes, Access access);
  [[noreturn]] void fail(Failure::Kind kind, std::string detail);

 private:
  enum class State { fresh, ready, at_block_barrier, at_cluster_barrier, at_warp, finished };

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
  struct Thread {
    cuda::twin::ThreadPlace place;
    State state;
    unsigned index;  // within the cluster
    boost::context::detail::fcontext_t context;
    std::byte* stack;
    void* kept_by_sanitizer;
    std::string_view waits_in;
    std::uint32_t warp_clock;
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
    std::uint32_t remote_arrivals =
        0;                       // most cluster arrivals of a thread of another block when it looked in,
    bool remote_access = false;  // if one ever did
  };

  void run_cluster(const dim3& first_block);
  void place_threads(const dim3& first_block);
  void run_ready();
  void resume(Thread& thread);
  void suspend(State state, std::string_view waits_in);
  [[noreturn]] void leave_for_good();
  static void enter(boost::context::detail::transfer_t from);
  void end_thread(Thread& thread);
  void name_the_stuck();
  void release_lanes(unsigned lanes);
  void join_warp_clocks(unsigned lanes);
  void land(const std::vector<AsyncCopy>& group);
  void check_block_alive(const void* shared);
  void keep_failure(const Thread& thread, Failure::Kind kind, std::string detail);
  [[nodiscard]] Moment moment() const;
  [[nodiscard]] Knowledge knowledge() const;
  [[nodiscard]] Block& block() { return blocks_[current_->place.cluster_rank]; }
  [[nodiscard]] unsigned warp_begin() const;  // index of lane 0 of the current thread's warp
  [[nodiscard]] unsigned lanes_present() const;

  const Kernel& kernel_;
  Memory& memory_;
  Multiprocessor& multiprocessor_;
  const std::uint32_t work_;
  const bool check_accesses_;
  std::mt19937_64 random_;

  unsigned threads_per_block_;
  unsigned blocks_per_cluster_;
  std::vector<Thread> threads_;                 // of one cluster
  std::vector<Block> blocks_;                   // likewise
  std::vector<std::vector<Meeting>> meetings_;  // by warp of the cluster
  std::deque<unsigned> ready_;                  // threads that can go on
  unsigned cluster_arrived_ = 0;
  std::uint32_t cluster_phases_ = 0;  // cluster barriers that all have arrived at

  Thread* current_ = nullptr;
  boost::context::detail::fcontext_t scheduler_ = nullptr;
  StackBounds scheduler_stack_;
  std::optional<Failure> failure_;
};

}  // namespace millrace::emulated
