#include "support/emulated_device/kernel_run.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <link.h>
#include <numeric>
#include <utility>

namespace millrace::emulated {

namespace fiber = boost::context::detail;

namespace {

constexpr unsigned kWarp = 32;

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
                     bool check_accesses, std::uint64_t seed)
    : kernel_(kernel),
      memory_(memory),
      multiprocessor_(multiprocessor),
      work_(work),
      check_accesses_(check_accesses),
      random_(seed),
      threads_per_block_(volume(kernel.shape.block)),
      blocks_per_cluster_(volume(kernel.shape.cluster)),
      threads_(std::size_t{threads_per_block_} * blocks_per_cluster_),
      blocks_(blocks_per_cluster_) {}

KernelRun* KernelRun::running() { return running_here; }

std::optional<Failure> KernelRun::run() {
  const dim3& grid = kernel_.shape.grid;
  const dim3& cluster = kernel_.shape.cluster;
  const dim3 clusters(grid.x / cluster.x, grid.y / cluster.y, grid.z / cluster.z);
  std::vector<unsigned> order(volume(clusters));
  std::iota(order.begin(), order.end(), 0U);
  std::shuffle(order.begin(), order.end(), random_);
  for (const unsigned i : order) {
    run_cluster(dim3(i % clusters.x * cluster.x, i / clusters.x % clusters.y * cluster.y,
                     i / clusters.x / clusters.y * cluster.z));
    if (failure_) break;
  }
  return failure_;
}

void KernelRun::run_cluster(const dim3& first_block) {
  multiprocessor_.shared.start(blocks_per_cluster_, kernel_.shape.dynamic_bytes);
  place_threads(first_block);
  run_ready();
  if (!failure_ && !std::all_of(threads_.begin(), threads_.end(),
                                [](const Thread& thread) { return thread.state == State::finished; })) {
    name_the_stuck();
  }
  for (Thread& thread : threads_) {
    if (thread.stack != nullptr) multiprocessor_.stacks.give_back(thread.stack);
  }
}

void KernelRun::place_threads(const dim3& first_block) {
  const dim3& block = kernel_.shape.block;
  const dim3& cluster = kernel_.shape.cluster;
  for (unsigned index = 0; index < threads_.size(); ++index) {
    const unsigned rank = index / threads_per_block_;
    const unsigned linear = index % threads_per_block_;
    Thread& thread = threads_[index];
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
    thread.warp_clock = 0;
    thread.cluster_arrivals = 0;
    thread.cluster_waits = 0;
    thread.warp_seen.fill(0);
    thread.copies.assign(1, {});
  }
  std::fill(blocks_.begin(), blocks_.end(), Block{});
  cluster_arrived_ = 0;
  cluster_phases_ = 0;

  const unsigned warps_per_block = (threads_per_block_ + kWarp - 1) / kWarp;
  meetings_.assign(std::size_t{warps_per_block} * blocks_per_cluster_, {});
  std::vector<unsigned> warps(meetings_.size());
  std::iota(warps.begin(), warps.end(), 0U);
  std::shuffle(warps.begin(), warps.end(), random_);
  ready_.clear();
  for (const unsigned warp : warps) {
    const unsigned begin = warp / warps_per_block * threads_per_block_ + warp % warps_per_block * kWarp;
    const unsigned end = std::min(begin + kWarp, (warp / warps_per_block + 1) * threads_per_block_);
    for (unsigned index = begin; index < end; ++index) ready_.push_back(index);
  }
}

void KernelRun::run_ready() {
  while (!ready_.empty() && !failure_) {
    Thread& thread = threads_[ready_.front()];
    ready_.pop_front();
    resume(thread);
  }
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
  Block& its = blocks_[thread.place.cluster_rank];
  if (++its.finished == threads_per_block_ && its.remote_access &&
      its.remote_arrivals >= thread.cluster_waits) {
    keep_failure(
        thread, Failure::Kind::use_after_free,
        "the block ends, and no cluster barrier stands between that and another block's access to its "
        "shared memory");
  }
}

// All who can run have run, and some wait still.
void KernelRun::name_the_stuck() {
  const Thread& stuck = *std::find_if(threads_.begin(), threads_.end(),
                                      [](const Thread& thread) { return thread.state != State::finished; });
  // The nearest thread that should have come along: of its warp, of its block, of its cluster.
  const unsigned reach = stuck.state == State::at_warp            ? kWarp
                         : stuck.state == State::at_block_barrier ? threads_per_block_
                                                                  : static_cast<unsigned>(threads_.size());
  const unsigned first = stuck.state == State::at_warp ? stuck.index - stuck.place.linear_thread % kWarp
                                                       : stuck.index / reach * reach;
  std::string detail = "waits in " + std::string(stuck.waits_in);
  for (unsigned index = first; index < std::min<std::size_t>(first + reach, threads_.size()); ++index) {
    const Thread& other = threads_[index];
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
  for (unsigned index = begin; index < begin + threads_per_block_; ++index) {
    if (index != current_->index) ready_.push_back(index);
  }
}

void KernelRun::cluster_arrive() {
  if (current_->cluster_arrivals != current_->cluster_waits) {
    fail(Failure::Kind::divergent_barrier, "arrives at a cluster barrier before it waited at the last one");
  }
  ++current_->cluster_arrivals;
  if (++cluster_arrived_ < threads_.size()) return;
  cluster_arrived_ = 0;
  ++cluster_phases_;
  for (const Thread& thread : threads_) {
    if (thread.state == State::at_cluster_barrier) ready_.push_back(thread.index);
  }
}

void KernelRun::cluster_wait() {
  if (current_->cluster_arrivals == current_->cluster_waits) {
    fail(Failure::Kind::divergent_barrier, "waits at a cluster barrier that it did not arrive at");
  }
  if (cluster_phases_ == current_->cluster_waits) suspend(State::at_cluster_barrier, "cluster_wait");
  ++current_->cluster_waits;
}

void* KernelRun::shared_object(const void* key, std::size_t bytes, std::size_t alignment) {
  void* object = multiprocessor_.shared.object(current_->place.cluster_rank, key, bytes, alignment);
  if (object == nullptr) {
    fail(Failure::Kind::too_much_shared,
         std::to_string(bytes) + " more bytes of shared memory do not fit in a block");
  }
  return object;
}

void* KernelRun::dynamic_shared() const {
  return multiprocessor_.shared.dynamic(current_->place.cluster_rank);
}

void* KernelRun::map_shared_rank(const void* local, unsigned rank) {
  if (rank >= blocks_per_cluster_ || !multiprocessor_.shared.contains(local)) {
    fail(Failure::Kind::out_of_bounds, "maps an address to the block of rank " + std::to_string(rank) +
                                           ", and the cluster has " + std::to_string(blocks_per_cluster_) +
                                           " blocks, or the address is not in shared memory");
  }
  return multiprocessor_.shared.counterpart(local, rank);
}

void KernelRun::copy_async(void* to, const void* from, std::size_t bytes) {
  if (reinterpret_cast<std::uintptr_t>(to) % bytes != 0 ||
      reinterpret_cast<std::uintptr_t>(from) % bytes != 0) {
    fail(Failure::Kind::misaligned, "copy_async of " + std::to_string(bytes) + " bytes");
  }
  if (!multiprocessor_.shared.contains(to)) {
    fail(Failure::Kind::out_of_bounds, "copy_async to an address that is not in shared memory");
  }
  observe(from, bytes, Access::read);
  observe(to, bytes, Access::write);
  if (check_accesses_) multiprocessor_.shared.forget_written(to, bytes);
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
          .block_epoch = blocks_[current_->place.cluster_rank].epoch,
          .cluster_arrivals = current_->cluster_arrivals,
          .warp_clock = current_->warp_clock};
}

Knowledge KernelRun::knowledge() const {
  return {.thread = current_->index,
          .threads_per_block = threads_per_block_,
          .block_epoch = blocks_[current_->place.cluster_rank].epoch,
          .cluster_waits = current_->cluster_waits,
          .warp_seen = current_->warp_seen.data()};
}

// Another block's shared memory is there from the first cluster barrier on, until that block ends.
void KernelRun::check_block_alive(const void* shared) {
  const unsigned rank = multiprocessor_.shared.rank_of(shared);
  if (rank == current_->place.cluster_rank || rank >= blocks_.size()) return;
  Block& other = blocks_[rank];
  const bool ended = other.finished == threads_per_block_;
  if (ended || current_->cluster_waits == 0) {
    fail(Failure::Kind::use_after_free, "shared memory of the block of rank " + std::to_string(rank) +
                                            (ended ? ", which has ended" : ", which may not have started"));
  }
  other.remote_arrivals = std::max(other.remote_arrivals, current_->cluster_arrivals);
  other.remote_access = true;
}

void KernelRun::observe(const void* address, std::size_t bytes, Access access) {
  if (!check_accesses_) return;
  const auto* at = static_cast<const std::byte*>(address);
  if (at >= current_->stack && at < current_->stack + FiberStacks::kBytes) return;
  std::optional<Problem> problem;
  if (multiprocessor_.shared.contains(at)) {
    check_block_alive(at);
    problem = multiprocessor_.shared.touch(at, bytes, access, moment(), knowledge());
  } else if (memory_.contains(at)) {
    problem = memory_.touch(at, bytes, access, work_);
  } else if (access != Access::read || !in_a_module(at)) {
    problem =
        Problem{Failure::Kind::out_of_bounds, std::to_string(bytes) + " bytes at an address of the host"};
  }
  if (problem) fail(problem->kind, std::move(problem->detail));
}

}  // namespace millrace::emulated
