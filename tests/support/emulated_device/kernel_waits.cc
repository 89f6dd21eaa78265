// The part of KernelRun in which threads wait for counting barriers and flags, and what these order.

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "support/emulated_device/kernel_run.h"

namespace millrace::emulated {
namespace {

constexpr unsigned kWarp = 32;
constexpr std::size_t kMostInterleaved = 4;
constexpr std::uintptr_t kBulkAlignment = 16;
constexpr std::int64_t kMostCount = (1 << 20) - 1;  // of arrivals, and of bytes expected

bool aligned(const void* address, std::uintptr_t to) {
  return reinterpret_cast<std::uintptr_t>(address) % to == 0;
}

}  // namespace

// All that the thread did so far, and what it knows of others.
AcquiredPointer KernelRun::release() {
  Thread& mine = *current_;
  auto all = mine.acquired ? std::make_shared<Acquired>(*mine.acquired) : std::make_shared<Acquired>();
  all->cluster_waits = std::max(all->cluster_waits, mine.cluster_waits);
  std::uint32_t& epoch = all->block_epochs[mine.place.cluster_rank];
  epoch = std::max(epoch, block().epoch);
  if (all->clocks.size() < cluster().threads.size()) all->clocks.resize(cluster().threads.size());
  const unsigned warp = warp_begin();
  for (unsigned lane = 0; lane < kWarp && warp + lane < all->clocks.size(); ++lane) {
    all->clocks[warp + lane] = std::max(all->clocks[warp + lane], mine.warp_seen[lane]);
  }
  all->clocks[mine.index] = ++mine.clock;
  return all;
}

void KernelRun::release_flag(const void* flag, std::size_t bytes) {
  observe(flag, bytes, Access::atomic_store);
  cluster().published[flag] = release();
}

void KernelRun::acquire_flag(const void* flag, std::size_t bytes) {
  observe(flag, bytes, Access::atomic);
  const auto published = cluster().published.find(flag);
  if (published != cluster().published.end()) join(current_->acquired, published->second);
}

// Where a kernel waits for flags, others may be anywhere: some run before it looks, some clusters start.
void KernelRun::spin_begins() {
  if (interleaved_ == 0) interleaved_ = 1 + random_() % kMostInterleaved;
  if (random_() % 2 == 0) return;
  interleave_ = true;
  ready_.push_back(current_);
  suspend(State::ready, "spin_until");
}

void KernelRun::spin_looked(bool done) {
  current_->looks = false;
  if (done) {
    fruitless_looks_ = 0;
    return;
  }
  ++fruitless_looks_;
  ready_.push_back(current_);
  suspend(State::spinning, "spin_until");
}

void KernelRun::require_barriers(const char* call) {
  if (compute_capability_ < 90) fail(Failure::Kind::trapped, std::string(call) + " needs sm_90");
}

void KernelRun::barrier_init(void* barrier, unsigned arrivals) {
  require_barriers("barrier_init");
  if (!shared().contains(barrier) || shared().rank_of(barrier) != current_->place.cluster_rank) {
    fail(Failure::Kind::out_of_bounds, "barrier_init outside the block's shared memory");
  }
  if (!aligned(barrier, sizeof(std::uint64_t))) fail(Failure::Kind::misaligned, "barrier_init");
  if (arrivals == 0 || arrivals > kMostCount) {
    fail(Failure::Kind::barrier_misuse, "a barrier counts 1 to 1048575 arrivals");
  }
  observe(barrier, sizeof(std::uint64_t), Access::write);
  const auto number = static_cast<std::uint32_t>(cluster().barriers.size());
  const bool made = cluster()
                        .barriers
                        .try_emplace(barrier, CountingBarrier{.rank = current_->place.cluster_rank,
                                                              .number = number,
                                                              .arrivals = arrivals,
                                                              .missing = arrivals,
                                                              .initialised = moment(),
                                                              .gathers = nullptr,
                                                              .completed = nullptr,
                                                              .waiting = {}})
                        .second;
  if (!made) fail(Failure::Kind::barrier_misuse, "initialises a barrier for the second time");
}

KernelRun::CountingBarrier& KernelRun::usable_barrier(const void* address, const char* does) {
  require_barriers(does);
  const auto found = cluster().barriers.find(address);
  if (found == cluster().barriers.end() || !knowledge().after(found->second.initialised)) {
    fail(Failure::Kind::barrier_misuse,
         std::string(does) + " of a barrier that is not initialised, or not before for certain");
  }
  return found->second;
}

void KernelRun::barrier_arrive(void* barrier, unsigned expected_bytes) {
  CountingBarrier& its = usable_barrier(barrier, "barrier_arrive");
  if (its.rank != current_->place.cluster_rank) {
    fail(Failure::Kind::barrier_misuse,
         "arrives at another block's barrier otherwise than by barrier_arrive_at");
  }
  arrive_at(its, expected_bytes);
}

void KernelRun::barrier_arrive_at(const void* local_barrier, unsigned rank) {
  const void* remote = map_shared_rank(local_barrier, rank);
  check_block_alive(remote);
  arrive_at(usable_barrier(remote, "barrier_arrive_at"), 0);
}

void KernelRun::arrive_at(CountingBarrier& barrier, unsigned expected_bytes) {
  if (barrier.missing == 0) {
    fail(Failure::Kind::barrier_misuse, "arrives at a barrier that has all of its " +
                                            std::to_string(barrier.arrivals) +
                                            " arrivals, and waits for bytes only");
  }
  barrier.missing_bytes += expected_bytes;
  if (barrier.missing_bytes > kMostCount) {
    fail(Failure::Kind::barrier_misuse, "more bytes are expected than a barrier counts (1048575)");
  }
  join(barrier.gathers, release());
  --barrier.missing;
  end_phase_if_done(barrier, cluster());
}

void KernelRun::end_phase_if_done(CountingBarrier& barrier, Cluster& its) {
  if (barrier.missing != 0 || barrier.missing_bytes != 0) return;
  ++barrier.phase;
  barrier.missing = barrier.arrivals;
  // The copies of the phase are through.
  Acquired all = *std::exchange(barrier.gathers, nullptr);
  const std::size_t copier = its.threads.size() + barrier.number;
  if (all.clocks.size() <= copier) all.clocks.resize(copier + 1);
  all.clocks[copier] = barrier.phase;
  join(barrier.completed, std::make_shared<const Acquired>(std::move(all)));
  for (Thread* thread : barrier.waiting) ready_.push_back(thread);
  barrier.waiting.clear();
}

void KernelRun::barrier_wait(const void* barrier, unsigned parity) {
  CountingBarrier& its = usable_barrier(barrier, "barrier_wait");
  if (its.rank != current_->place.cluster_rank || parity > 1) {
    fail(Failure::Kind::barrier_misuse,
         "waits at another block's barrier, or for a parity that is not 0 or 1");
  }
  // Who is overtaken by a whole phase waits on, as on a device.
  while (its.phase % 2 == parity) {
    its.waiting.push_back(current_);
    suspend(State::at_counting_barrier, "barrier_wait");
  }
  join(current_->acquired, its.completed);
}

void KernelRun::copy_bulk(void* to, const void* from, std::size_t bytes, const void* barrier) {
  CountingBarrier& its = usable_barrier(barrier, "copy_bulk");
  if (!aligned(to, kBulkAlignment) || !aligned(from, kBulkAlignment) || bytes % kBulkAlignment != 0) {
    fail(Failure::Kind::misaligned, "copy_bulk of " + std::to_string(bytes) + " bytes");
  }
  const unsigned rank = current_->place.cluster_rank;
  if (!shared().contains(to) || shared().rank_of(to) != rank || its.rank != rank) {
    fail(Failure::Kind::out_of_bounds, "copy_bulk to, or with a barrier, outside the block's shared memory");
  }
  std::optional<Problem> problem = memory_.reach(from, bytes);
  if (!problem) problem = shared().reach(to, bytes);
  const Moment copied{.thread = static_cast<std::uint32_t>(cluster().threads.size()) + its.number,
                      .block_epoch = Moment::kOfCopy,
                      .cluster_arrivals = Moment::kOfCopy,
                      .clock = its.phase};
  if (!problem && check_accesses_) {
    problem = memory_.touch(from, bytes, Access::read, work_);
    if (!problem) problem = shared().touch(to, bytes, Access::write, copied, knowledge());
    if (!problem) shared().forget_written(to, bytes);
  }
  if (problem) fail(problem->kind, std::move(problem->detail));
  block().reached_into[copied.thread] = copied;
  bulk_copies_.push_back({current_->cluster, to, from, bytes, &its});
}

void KernelRun::land_one_bulk_copy() {
  std::swap(bulk_copies_[random_() % bulk_copies_.size()], bulk_copies_.back());
  const BulkCopy copy = bulk_copies_.back();
  bulk_copies_.pop_back();
  fruitless_looks_ = 0;
  std::memcpy(copy.to, copy.from, copy.bytes);
  if (check_accesses_) copy.cluster->shared->land(copy.to, copy.bytes);
  copy.barrier->missing_bytes -= static_cast<std::int64_t>(copy.bytes);
  end_phase_if_done(*copy.barrier, *copy.cluster);
}

std::string KernelRun::why_it_waits(const Thread& stuck) const {
  std::string detail = "waits in " + std::string(stuck.waits_in) + ", and nothing can end that";
  for (const auto& [address, barrier] : stuck.cluster->barriers) {
    if (std::find(barrier.waiting.begin(), barrier.waiting.end(), &stuck) == barrier.waiting.end()) continue;
    detail += ": " + std::to_string(barrier.missing) + " arrivals and " +
              std::to_string(barrier.missing_bytes) + " bytes are missing in phase " +
              std::to_string(barrier.phase) + " of the barrier at " +
              stuck.cluster->shared->describe(address);
  }
  if (stuck.state == State::spinning && !unstarted_.empty()) {
    detail += ": the blocks after it in the grid may not start before it ends";
  }
  return detail;
}

}  // namespace millrace::emulated
