// The threads of the CPU engine: a fixed number that share one piece of work after another.
//
// A piece of work has as many shares as there are threads, and stages: all shares of a stage are done before
// any of the next. The thread that calls `run` leads and has share 0; the others are the team's own, live as
// long as it, and have a share each. Who does a share makes no difference to its result, so a share whose
// thread does not come for it (another process has its core, or it slept) is done by one that waits. Who
// waits, spins first, since stages take some microseconds, and then sleeps.
// Owned by an engine. One thread at a time calls `run`, which allocates nothing.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace millrace {

class ThreadTeam {
 public:
  // Errors: DeviceError where the system gives no more threads.
  explicit ThreadTeam(int threads);
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;
  ~ThreadTeam();

  [[nodiscard]] std::size_t threads() const { return threads_; }

  // work(stage, share) for all stages and shares; returns when all are done. What was written in a stage, all
  // see in the next one. `work` throws nothing.
  template <class Work>
  void run(std::size_t stages, const Work& work) {
    run_job([](const void* job, std::size_t stage,
               std::size_t share) { (*static_cast<const Work*>(job))(stage, share); },
            &work, stages);
  }
  template <class Work>
  void run(const Work& work) {
    run(1, [&work](std::size_t /*stage*/, std::size_t share) { work(share); });
  }

 private:
  using Call = void (*)(const void* work, std::size_t stage, std::size_t share);
  struct Job {
    std::uint64_t first_stage = 0;
    Call call = nullptr;  // null: the end
    const void* work = nullptr;
    std::size_t stages = 1;
  };
  // How far a share is. Stages are counted on from one piece of work to the next. Apart from others in cache.
  struct alignas(128) Share {
    std::atomic<std::uint64_t> taken{1};
    std::atomic<bool> deserted{false};  // last time its thread did not come for it
    alignas(128) std::atomic<std::uint64_t> done{1};
  };

  void run_job(Call call, const void* work, std::size_t stages);
  void publish(const Job& job);
  bool look_at_job(Job& job) const;
  void live(std::size_t thread);
  void join_in(std::size_t thread, const Job& job);
  bool take(std::size_t share, std::size_t stage, const Job& job);
  void await(std::size_t share, std::size_t stage, const Job& job);
  template <class Condition>
  void sleep_until(const Condition& condition);
  void wake_sleepers();
  void end();

  const std::size_t threads_;
  const std::unique_ptr<Share[]> shares_;  // [threads]

  // The piece of work in hand. `first_stage_` is 0 while the rest is written: who reads it before and after,
  // and finds the same, has read one piece of work and not halves of two.
  alignas(128) std::atomic<std::uint64_t> first_stage_{0};
  std::atomic<Call> call_{nullptr};
  std::atomic<const void*> work_{nullptr};
  std::atomic<std::size_t> stages_{0};

  alignas(128) std::atomic<int> sleepers_{0};
  std::mutex bed_;
  std::condition_variable alarm_;

  std::uint64_t next_stage_ = 1;     // the leader's
  std::vector<std::thread> others_;  // last: they use what is above
};

}  // namespace millrace
