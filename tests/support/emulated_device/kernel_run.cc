#include "support/emulated_device/kernel_run.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <link.h>
#include <numeric>
#include <utility>

namespace millrace::emulated {

namespace fiber = boost::context::detail;

namespace {

constexpr unsigned kWarp = 32;
constexpr unsigned kStepsOfACopy = 64;  // a bulk copy lands after so many on average, or when all wait

thread_local KernelRun* running_here = nullptr;

unsigned volume(const dim3& size) { return size.x * size.y * size.z; }

// Where the program and its libraries lie: kernels may read constants there.
bool in_a_module(const void* address) {
  const auto holds = [](dl_phdr_info* module, std::size_t, void* wanted) {
    const auto at = reinterpret_cast<std::uintptr_t>(wanted);
    for (int i = 0; i < module->dlpi_phnum; ++i) {
      const auto& segment = module->dlpi_phdr[i];
      const std::uintptr_t begin = module->dlpi_addr + segment.p_vaddr;
      if (segment.p_type == PT_LOAD && at >= begin && at < begin + segment.p_memsz) return 1;
    }
    return 0;
  };
  return dl_iterate_phdr(holds, const_cast<void*>(address)) != 0;
}

bool same_place(const std::source_location& a, const std::source_location& b) {
  return a.line() == b.line() && a.column() == b.column() && std::strcmp(a.file_name(), b.file_name()) == 0;
}

std::string place_of(const std::source_location& site) {
  const std::string_view path = site.file_name();
  return std::string(path.substr(path.find_last_of('/') + 1)) + ":" + std::to_string(site.line());
}

}  // namespace

KernelRun::KernelRun(const Kernel& kernel, Memory& memory, Multiprocessor& multiprocessor, std::uint32_t work,
                     const Settings& settings, std::uint64_t seed)
    : kernel_(kernel),
      memory_(memory),
      multiprocessor_(multiprocessor),
      work_(work),
      check_accesses_(settings.check_accesses),
      compute_capability_(settings.compute_capability),
      random_(seed),
      threads_per_block_(volume(kernel.shape.block)),
      blocks_per_cluster_(volume(kernel.shape.cluster)) {}

KernelRun* KernelRun::running() { return running_here; }

std::optional<Failure> KernelRun::run() {
  unstarted_.resize(volume(kernel_.shape.grid) / blocks_per_cluster_);
  std::iota(unstarted_.rbegin(), unstarted_.rend(), 0U);
  std::shuffle(unstarted_.rbegin(), unstarted_.rend(), random_);
  while (!failure_ && (!running_.empty() || !unstarted_.empty())) {
    const bool another = std::exchange(interleave_, false) && running_.size() < interleaved_;
    if (!unstarted_.empty() && (running_.empty() || another)) {
      start(unstarted_.back());
    } else if (!step() && !start_an_earlier_one()) {
      name_the_stuck();
    }
  }
  while (!running_.empty()) retire(*running_.back());
  return failure_;
}

void KernelRun::start(unsigned index) {
  unstarted_.erase(std::prev(std::find(unstarted_.rbegin(), unstarted_.rend(), index).base()));
  if (ended_.empty()) ended_.push_back(std::make_unique<Cluster>());
  running_.push_back(std::move(ended_.back()));
  ended_.pop_back();
  Cluster& cluster = *running_.back();
  cluster.index = index;
  std::vector<std::unique_ptr<SharedMemory>>& spare = multiprocessor_.spare;
  if (spare.empty()) spare.push_back(std::make_unique<SharedMemory>());
  cluster.shared = std::move(spare.back());
  spare.pop_back();
  cluster.shared->start(blocks_per_cluster_, kernel_.shape.dynamic_bytes);
  place_threads(cluster);
}

// A device starts blocks in order: those before one that waits for a flag have started, or will.
bool KernelRun::start_an_earlier_one() {
  unsigned last = 0;
  for (const Thread* thread : ready_) last = std::max(last, thread->cluster->index);
  const auto first = std::min_element(unstarted_.begin(), unstarted_.end());
  if (first == unstarted_.end() || *first >= last) return false;
  start(*first);
  return true;
}

void KernelRun::retire(Cluster& cluster) {
  for (Thread& thread : cluster.threads) {
    if (thread.stack != nullptr) multiprocessor_.stacks.give_back(thread.stack);
  }
  multiprocessor_.spare.push_back(std::move(cluster.shared));
  const auto its = std::find_if(running_.begin(), running_.end(),
                                [&](const auto& candidate) { return candidate.get() == &cluster; });
  ended_.push_back(std::move(*its));
  running_.erase(its);
}

void KernelRun::place_threads(Cluster& its) {
  const dim3& block = kernel_.shape.block;
  const dim3& cluster = kernel_.shape.cluster;
  const dim3& grid = kernel_.shape.grid;
  const unsigned columns = grid.x / cluster.x;
  const unsigned rows = grid.y / cluster.y;
  const dim3 first_block(its.index % columns * cluster.x, its.index / columns % rows * cluster.y,
                         its.index / columns / rows * cluster.z);
  its.threads.resize(std::size_t{threads_per_block_} * blocks_per_cluster_);
  for (unsigned index = 0; index < its.threads.size(); ++index) {
    const unsigned rank = index / threads_per_block_;
    const unsigned linear = index % threads_per_block_;
    Thread& thread = its.threads[index];
    thread.cluster = &its;
    thread.place = {.thread = {linear % block.x, linear / block.x % block.y, linear / block.x / block.y},
                    .block = {first_block.x + rank % cluster.x, first_block.y + rank / cluster.x % cluster.y,
                              first_block.z + rank / cluster.x / cluster.y},
                    .block_dim = block,
                    .grid_dim = kernel_.shape.grid,
                    .linear_thread = linear,
                    .cluster_rank = rank,
                    .cluster_size = blocks_per_cluster_};
    thread.state = State::fresh;
    thread.index = index;
    thread.context = nullptr;
    thread.stack = nullptr;
    thread.kept_by_sanitizer = nullptr;
    thread.looks = false;
    thread.clock = 0;
    thread.acquired = nullptr;
    thread.cluster_arrivals = 0;
    thread.cluster_waits = 0;
    thread.warp_seen.fill(0);
    thread.copies.assign(1, {});
  }
  its.blocks.assign(blocks_per_cluster_, {});
  its.finished = 0;
  its.arrived = 0;
  its.phases = 0;
  its.gathers = nullptr;
  its.completed = nullptr;
  its.barriers.clear();
  its.published.clear();

  const unsigned warps_per_block = (threads_per_block_ + kWarp - 1) / kWarp;
  its.meetings.assign(std::size_t{warps_per_block} * blocks_per_cluster_, {});
  std::vector<unsigned> warps(its.meetings.size());
  std::iota(warps.begin(), warps.end(), 0U);
  std::shuffle(warps.begin(), warps.end(), random_);
  for (const unsigned warp : warps) {
    const unsigned begin = warp / warps_per_block * threads_per_block_ + warp % warps_per_block * kWarp;
    const unsigned end = std::min(begin + kWarp, (warp / warps_per_block + 1) * threads_per_block_);
    for (unsigned index = begin; index < end; ++index) ready_.push_back(&its.threads[index]);
  }
}

// False where nothing of what has started can go on.
bool KernelRun::step() {
  const bool some_can = fruitless_looks_ < ready_.size();
  if (!bulk_copies_.empty() && (!some_can || random_() % kStepsOfACopy == 0)) {
    land_one_bulk_copy();
    return true;
  }
  if (!some_can) return false;
  Thread& thread = *ready_.front();
  ready_.pop_front();
  const bool looks_again = thread.state == State::spinning;
  resume(thread);
  if (!looks_again || thread.state != State::spinning) fruitless_looks_ = 0;
  if (thread.state == State::finished && ++thread.cluster->finished == thread.cluster->threads.size() &&
      !failure_) {
    retire(*thread.cluster);
  }
  return true;
}

void KernelRun::resume(Thread& thread) {
  if (thread.state == State::fresh) {
    thread.stack = multiprocessor_.stacks.lend();
    thread.context = fiber::make_fcontext(thread.stack + FiberStacks::kBytes, FiberStacks::kBytes, &enter);
  }
  thread.state = State::ready;
  current_ = &thread;
  running_here = this;
  void* kept = nullptr;
  leave_stack(&kept, {thread.stack, FiberStacks::kBytes});
  thread.context = fiber::jump_fcontext(thread.context, this).fctx;
  reach_stack(kept);
  running_here = nullptr;
  if (thread.state == State::finished) {
    multiprocessor_.stacks.give_back(std::exchange(thread.stack, nullptr));
    end_thread(thread);
  }
}

void KernelRun::enter(fiber::transfer_t from) {
  auto* run = static_cast<KernelRun*>(from.data);
  run->scheduler_stack_ = reach_stack(nullptr);
  run->scheduler_ = from.fctx;
  run->kernel_.call.run_thread(run->kernel_.call.arguments.get());
  run->copy_wait(0);
  run->current_->state = State::finished;
  run->leave_for_good();
}

void KernelRun::leave_for_good() {
  leave_stack(nullptr, scheduler_stack_);
  fiber::jump_fcontext(scheduler_, nullptr);
  std::abort();  // never resumed
}

void KernelRun::suspend(State state, std::string_view waits_in) {
  current_->state = state;
  current_->waits_in = waits_in;
  leave_stack(&current_->kept_by_sanitizer, scheduler_stack_);
  scheduler_ = fiber::jump_fcontext(scheduler_, nullptr).fctx;
  scheduler_stack_ = reach_stack(current_->kept_by_sanitizer);
}

void KernelRun::keep_failure(const Thread& thread, Failure::Kind kind, std::string detail) {
  failure_ = Failure{kind, std::string(kernel_.call.name), thread.place.block, thread.place.thread,
                     std::move(detail)};
}

void KernelRun::fail(Failure::Kind kind, std::string detail) {
  keep_failure(*current_, kind, std::move(detail));
  leave_for_good();
}

void KernelRun::end_thread(Thread& thread) {
  Block& its = block();
  const Knowledge known = knowledge();
  std::erase_if(its.reached_into, [&](const auto& access) { return known.after(access.second); });
  if (++its.finished < threads_per_block_) return;
  const bool copied_to = std::any_of(bulk_copies_.begin(), bulk_copies_.end(), [&](const BulkCopy& copy) {
    return copy.cluster == thread.cluster && copy.barrier->rank == thread.place.cluster_rank;
  });
  if (its.reached_into.empty() && !copied_to) return;
  keep_failure(
      thread, Failure::Kind::use_after_free,
      "the block ends, and no barrier stands between that and " +
          std::string(copied_to || its.reached_into.begin()->second.is_copy() ? "a bulk copy to"
                                                                              : "another block's access to") +
          " its shared memory");
}

// All who can run have run, and some wait still.
void KernelRun::name_the_stuck() {
  const auto find = [&](auto&& wanted) -> const Thread* {
    for (const auto& its : running_) {
      const auto found = std::find_if(its->threads.begin(), its->threads.end(), wanted);
      if (found != its->threads.end()) return &*found;
    }
    return nullptr;
  };
  if (const Thread* waits = find([](const Thread& thread) {
        return thread.state == State::spinning || thread.state == State::at_counting_barrier;
      })) {
    keep_failure(*waits, Failure::Kind::deadlock, why_it_waits(*waits));
    return;
  }
  const Thread& stuck = *find([](const Thread& thread) { return thread.state != State::finished; });
  const std::vector<Thread>& threads = stuck.cluster->threads;
  // The nearest thread that should have come along: of its warp, of its block, of its cluster.
  const unsigned reach = stuck.state == State::at_warp            ? kWarp
                         : stuck.state == State::at_block_barrier ? threads_per_block_
                                                                  : static_cast<unsigned>(threads.size());
  const unsigned first = stuck.state == State::at_warp ? stuck.index - stuck.place.linear_thread % kWarp
                                                       : stuck.index / reach * reach;
  std::string detail = "waits in " + std::string(stuck.waits_in);
  for (unsigned index = first; index < std::min<std::size_t>(first + reach, threads.size()); ++index) {
    const Thread& other = threads[index];
    if (other.state == stuck.state && other.waits_in == stuck.waits_in) continue;
    detail += ", while thread " + name_of(other.place.thread) + " of block " + name_of(other.place.block) +
              (other.state == State::finished ? " has ended" : " waits in " + std::string(other.waits_in));
    break;
  }
  keep_failure(stuck, Failure::Kind::divergent_barrier, detail);
}

void KernelRun::block_barrier(std::source_location site) {
  Block& mine = block();
  if (mine.waiting == 0) mine.site = site;
  if (!same_place(mine.site, site)) {
    fail(Failure::Kind::divergent_barrier,
         "waits at " + place_of(site) + ", while others of its block wait at " + place_of(mine.site));
  }
  if (++mine.waiting < threads_per_block_) {
    suspend(State::at_block_barrier, "block_barrier");
    return;
  }
  mine.waiting = 0;
  ++mine.epoch;
  const unsigned begin = current_->place.cluster_rank * threads_per_block_;
  AcquiredPointer acquired;
  for (unsigned index = begin; index < begin + threads_per_block_; ++index) {
    join(acquired, cluster().threads[index].acquired);
  }
  for (unsigned index = begin; index < begin + threads_per_block_; ++index) {
    Thread& thread = cluster().threads[index];
    thread.acquired = acquired;
    if (&thread != current_) ready_.push_back(&thread);
  }
}

void KernelRun::cluster_arrive() {
  if (current_->cluster_arrivals != current_->cluster_waits) {
    fail(Failure::Kind::divergent_barrier, "arrives at a cluster barrier before it waited at the last one");
  }
  ++current_->cluster_arrivals;
  Cluster& its = cluster();
  join(its.gathers, current_->acquired);
  if (++its.arrived < its.threads.size()) return;
  its.arrived = 0;
  ++its.phases;
  its.completed = std::exchange(its.gathers, nullptr);
  for (Thread& thread : its.threads) {
    if (thread.state == State::at_cluster_barrier) ready_.push_back(&thread);
  }
}

void KernelRun::cluster_wait() {
  if (current_->cluster_arrivals == current_->cluster_waits) {
    fail(Failure::Kind::divergent_barrier, "waits at a cluster barrier that it did not arrive at");
  }
  if (cluster().phases == current_->cluster_waits) suspend(State::at_cluster_barrier, "cluster_wait");
  ++current_->cluster_waits;
  join(current_->acquired, cluster().completed);
}

void* KernelRun::shared_object(const void* key, std::size_t bytes, std::size_t alignment) {
  void* object = shared().object(current_->place.cluster_rank, key, bytes, alignment);
  if (object == nullptr) {
    fail(Failure::Kind::too_much_shared,
         std::to_string(bytes) + " more bytes of shared memory do not fit in a block");
  }
  return object;
}

void* KernelRun::dynamic_shared() const { return shared().dynamic(current_->place.cluster_rank); }

void* KernelRun::map_shared_rank(const void* local, unsigned rank) {
  if (rank >= blocks_per_cluster_ || !shared().contains(local)) {
    fail(Failure::Kind::out_of_bounds, "maps an address to the block of rank " + std::to_string(rank) +
                                           ", and the cluster has " + std::to_string(blocks_per_cluster_) +
                                           " blocks, or the address is not in shared memory");
  }
  return shared().counterpart(local, rank);
}

void KernelRun::copy_async(void* to, const void* from, std::size_t bytes) {
  if (reinterpret_cast<std::uintptr_t>(to) % bytes != 0 ||
      reinterpret_cast<std::uintptr_t>(from) % bytes != 0) {
    fail(Failure::Kind::misaligned, "copy_async of " + std::to_string(bytes) + " bytes");
  }
  if (!shared().contains(to)) {
    fail(Failure::Kind::out_of_bounds, "copy_async to an address that is not in shared memory");
  }
  observe(from, bytes, Access::read);
  observe(to, bytes, Access::write);
  if (check_accesses_) shared().forget_written(to, bytes);
  current_->copies.back().push_back({to, from, bytes});
}

void KernelRun::copy_commit() { current_->copies.emplace_back(); }

void KernelRun::copy_wait(unsigned groups_left) {
  while (current_->copies.size() > std::size_t{groups_left} + 1) {
    land(current_->copies.front());
    current_->copies.pop_front();
  }
}

void KernelRun::land(const std::vector<AsyncCopy>& group) {
  for (const AsyncCopy& copy : group) {
    observe(copy.to, copy.bytes, Access::write);
    std::memcpy(copy.to, copy.from, copy.bytes);
  }
}

Moment KernelRun::moment() const {
  return {.thread = current_->index,
          .block_epoch = block().epoch,
          .cluster_arrivals = current_->cluster_arrivals,
          .clock = current_->clock};
}

Knowledge KernelRun::knowledge() const {
  return {.thread = current_->index,
          .threads_per_block = threads_per_block_,
          .block_epoch = block().epoch,
          .cluster_waits = current_->cluster_waits,
          .warp_seen = current_->warp_seen.data(),
          .acquired = current_->acquired.get()};
}

// Another block's shared memory is there from the first cluster barrier on, until that block ends.
void KernelRun::check_block_alive(const void* address) {
  const unsigned rank = shared().rank_of(address);
  if (rank == current_->place.cluster_rank || rank >= blocks_per_cluster_) return;
  Block& other = cluster().blocks[rank];
  const bool ended = other.finished == threads_per_block_;
  if (ended || current_->cluster_waits == 0) {
    fail(Failure::Kind::use_after_free, "shared memory of the block of rank " + std::to_string(rank) +
                                            (ended ? ", which has ended" : ", which may not have started"));
  }
  other.reached_into[current_->index] = moment();
}

void KernelRun::observe(const void* address, std::size_t bytes, Access access) {
  if (!check_accesses_) return;
  const auto* at = static_cast<const std::byte*>(address);
  if (at >= current_->stack && at < current_->stack + FiberStacks::kBytes) return;
  if (current_->looks && !is_atomic(access) && (shared().contains(at) || memory_.contains(at))) {
    fail(Failure::Kind::plain_spin,
         "a spin-wait touches memory otherwise than by load_acquire: nothing orders that with who writes it");
  }
  std::optional<Problem> problem;
  if (shared().contains(at)) {
    check_block_alive(at);
    problem = shared().touch(at, bytes, access, moment(), knowledge());
  } else if (memory_.contains(at)) {
    problem = memory_.touch(at, bytes, access, work_);
  } else if (access != Access::read || !in_a_module(at)) {
    problem =
        Problem{Failure::Kind::out_of_bounds, std::to_string(bytes) + " bytes at an address of the host"};
  }
  if (problem) fail(problem->kind, std::move(problem->detail));
}

}  // namespace millrace::emulated
