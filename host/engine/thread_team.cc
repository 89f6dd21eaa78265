#include "engine/thread_team.h"

#include <string>
#include <system_error>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "millrace/errors.h"

namespace millrace {
namespace {

// Some 5 to 15 µs, as long as a pause is on the processor.
constexpr int kSpins = 400;

void pause_briefly() {
#ifdef __x86_64__
  _mm_pause();
#endif
}

}  // namespace

ThreadTeam::ThreadTeam(int threads)
    : threads_(static_cast<std::size_t>(threads)), shares_(std::make_unique<Share[]>(threads_)) {
  others_.reserve(threads_ - 1);
  try {
    for (std::size_t thread = 1; thread < threads_; ++thread) {
      others_.emplace_back([this, thread] { live(thread); });
    }
  } catch (const std::system_error& error) {
    end();
    throw DeviceError("the system gives no " + std::to_string(threads) + " threads: " + error.what());
  }
}

ThreadTeam::~ThreadTeam() { end(); }

void ThreadTeam::end() {
  publish({.first_stage = next_stage_});
  for (std::thread& other : others_) other.join();
}

void ThreadTeam::run_job(Call call, const void* work, std::size_t stages) {
  if (threads_ == 1) {
    for (std::size_t stage = 0; stage < stages; ++stage) call(work, stage, 0);
    return;
  }
  const Job job = {next_stage_, call, work, stages};
  next_stage_ += stages;
  publish(job);
  join_in(0, job);
  for (std::size_t share = 0; share < threads_; ++share) await(share, stages - 1, job);
}

void ThreadTeam::publish(const Job& job) {
  first_stage_.store(0, std::memory_order_relaxed);
  call_.store(job.call, std::memory_order_release);
  work_.store(job.work, std::memory_order_release);
  stages_.store(job.stages, std::memory_order_release);
  first_stage_.store(job.first_stage);
  wake_sleepers();
}

bool ThreadTeam::look_at_job(Job& job) const {
  job.first_stage = first_stage_.load(std::memory_order_acquire);
  job.call = call_.load(std::memory_order_acquire);
  job.work = work_.load(std::memory_order_acquire);
  job.stages = stages_.load(std::memory_order_acquire);
  return job.first_stage != 0 && job.first_stage == first_stage_.load(std::memory_order_acquire);
}

void ThreadTeam::live(std::size_t thread) {
  std::uint64_t last = 0;
  const auto news = [&] {
    const std::uint64_t first = first_stage_.load();
    return first != 0 && first != last;
  };
  for (;;) {
    for (int i = 0; i < kSpins && !news(); ++i) pause_briefly();
    if (!news()) sleep_until(news);
    Job job;
    if (!look_at_job(job)) continue;
    if (job.call == nullptr) return;
    last = job.first_stage;
    join_in(thread, job);
  }
}

void ThreadTeam::join_in(std::size_t thread, const Job& job) {
  shares_[thread].deserted.store(false, std::memory_order_relaxed);
  for (std::size_t stage = 0; stage < job.stages; ++stage) {
    take(thread, stage, job);
    if (stage + 1 == job.stages) return;
    for (std::size_t share = 0; share < threads_; ++share) await(share, stage, job);
  }
}

// That a stage can be taken says that all before it are done and that its piece of work is the one in hand.
bool ThreadTeam::take(std::size_t share, std::size_t stage, const Job& job) {
  std::uint64_t number = job.first_stage + stage;
  if (!shares_[share].taken.compare_exchange_strong(number, number + 1)) return false;
  job.call(job.work, stage, share);
  shares_[share].done.store(job.first_stage + stage + 1);
  wake_sleepers();
  return true;
}

void ThreadTeam::await(std::size_t share, std::size_t stage, const Job& job) {
  Share& awaited = shares_[share];
  const auto is_done = [&] { return awaited.done.load() > job.first_stage + stage; };
  if (is_done()) return;
  if (awaited.deserted.load(std::memory_order_relaxed) && take(share, stage, job)) return;
  for (int i = 0; i < kSpins; ++i) {
    if (is_done()) return;
    pause_briefly();
  }
  if (take(share, stage, job)) {
    awaited.deserted.store(true, std::memory_order_relaxed);
  } else {
    sleep_until(is_done);
  }
}

// Whoever changes what a condition looks at, looks at sleepers_ after that: in the one order of all such
// accesses, either the condition sees the change or the change sees the sleeper.
template <class Condition>
void ThreadTeam::sleep_until(const Condition& condition) {
  std::unique_lock lock(bed_);
  ++sleepers_;
  while (!condition()) alarm_.wait(lock);
  --sleepers_;
}

void ThreadTeam::wake_sleepers() {
  if (sleepers_.load() == 0) return;
  { const std::lock_guard lock(bed_); }
  alarm_.notify_all();
}

}  // namespace millrace
