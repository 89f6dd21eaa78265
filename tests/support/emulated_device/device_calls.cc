// What kernels call (cuda/device/twin.h), and what the compiler calls for each of their accesses
// (-fsanitize=thread without its runtime library). Outside a kernel the latter do nothing.

#include <cstddef>
#include <cstdint>
#include <string>

#include "cuda/device/twin.h"
#include "support/emulated_device/kernel_run.h"

namespace millrace::cuda::twin {

using emulated::Access;
using emulated::Failure;
using emulated::KernelRun;

const ThreadPlace& here() { return KernelRun::running()->here(); }
void block_barrier(std::source_location site) { KernelRun::running()->block_barrier(site); }
void cluster_arrive() { KernelRun::running()->cluster_arrive(); }
void cluster_wait() { KernelRun::running()->cluster_wait(); }
void warp_barrier(unsigned mask) { KernelRun::running()->warp_barrier(mask); }

const LaneValues& warp_exchange(unsigned mask, const LaneValue& mine, const char* operation) {
  return KernelRun::running()->warp_exchange(mask, mine, operation);
}

void require_lane(unsigned mask, unsigned lane, const char* operation) {
  KernelRun::running()->require_lane(mask, lane, operation);
}

void* shared_object(const void* key, std::size_t bytes, std::size_t alignment) {
  return KernelRun::running()->shared_object(key, bytes, alignment);
}

void* dynamic_shared() { return KernelRun::running()->dynamic_shared(); }

void* map_shared_rank(const void* local, unsigned rank) {
  return KernelRun::running()->map_shared_rank(local, rank);
}

void copy_async(void* shared, const void* global, std::size_t bytes) {
  KernelRun::running()->copy_async(shared, global, bytes);
}

void copy_commit() { KernelRun::running()->copy_commit(); }
void copy_wait(unsigned groups_left) { KernelRun::running()->copy_wait(groups_left); }

void barrier_init(void* barrier, unsigned arrivals) { KernelRun::running()->barrier_init(barrier, arrivals); }

void barrier_arrive(void* barrier, unsigned expected_bytes) {
  KernelRun::running()->barrier_arrive(barrier, expected_bytes);
}

void barrier_arrive_at(void* local_barrier, unsigned rank) {
  KernelRun::running()->barrier_arrive_at(local_barrier, rank);
}

void barrier_wait(void* barrier, unsigned parity) { KernelRun::running()->barrier_wait(barrier, parity); }

void copy_bulk(void* shared, const void* global, std::size_t bytes, void* barrier) {
  KernelRun::running()->copy_bulk(shared, global, bytes, barrier);
}

void release(void* flag, std::size_t bytes) { KernelRun::running()->release_flag(flag, bytes); }
void acquire(const void* flag, std::size_t bytes) { KernelRun::running()->acquire_flag(flag, bytes); }
void spin_begins() { KernelRun::running()->spin_begins(); }
void spin_looks() { KernelRun::running()->spin_looks(); }
void spin_looked(bool done) { KernelRun::running()->spin_looked(done); }

void atomic_access(void* address, std::size_t bytes) {
  KernelRun::running()->observe(address, bytes, Access::atomic);
}

void trap() { KernelRun::running()->fail(Failure::Kind::trapped, "the kernel called trap"); }

}  // namespace millrace::cuda::twin

namespace {

using millrace::emulated::Access;
using millrace::emulated::Failure;
using millrace::emulated::KernelRun;

void observed(const void* address, std::size_t bytes, Access access) {
  if (KernelRun* run = KernelRun::running()) run->observe(address, bytes, access);
}

// The compiler says that the type asks for this alignment (beyond 8 bytes it does not know).
void observed_aligned(const void* address, std::size_t bytes, Access access) {
  KernelRun* run = KernelRun::running();
  if (run == nullptr) return;
  if (reinterpret_cast<std::uintptr_t>(address) % (bytes < 8 ? bytes : 8) != 0) {
    run->fail(Failure::Kind::misaligned, "an access of " + std::to_string(bytes) + " bytes");
  }
  run->observe(address, bytes, access);
}

}  // namespace

// The names are the compiler's.
#define MILLRACE_HOOKS(bytes)                                                                           \
  void __tsan_read##bytes(void* address) { observed_aligned(address, bytes, Access::read); }            \
  void __tsan_write##bytes(void* address) { observed_aligned(address, bytes, Access::write); }          \
  void __tsan_volatile_read##bytes(void* address) { observed_aligned(address, bytes, Access::read); }   \
  void __tsan_volatile_write##bytes(void* address) { observed_aligned(address, bytes, Access::write); } \
  void __tsan_unaligned_read##bytes(void* address) { observed(address, bytes, Access::read); }          \
  void __tsan_unaligned_write##bytes(void* address) { observed(address, bytes, Access::write); }        \
  void __tsan_unaligned_volatile_read##bytes(void* address) { observed(address, bytes, Access::read); } \
  void __tsan_unaligned_volatile_write##bytes(void* address) { observed(address, bytes, Access::write); }

extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_read_range(void* address, std::size_t bytes) { observed(address, bytes, Access::read); }
void __tsan_write_range(void* address, std::size_t bytes) { observed(address, bytes, Access::write); }
MILLRACE_HOOKS(1)
MILLRACE_HOOKS(2)
MILLRACE_HOOKS(4)
MILLRACE_HOOKS(8)
MILLRACE_HOOKS(16)

// Of the host's code beside the kernels: shared_ptr and the guards of static variables. Kernels use
// cuda/device/atomic.h; other atomics do not link.
char __tsan_atomic8_load(const volatile char* address, int) {
  return __atomic_load_n(address, __ATOMIC_SEQ_CST);
}
int __tsan_atomic32_fetch_add(volatile int* address, int value, int) {
  return __atomic_fetch_add(address, value, __ATOMIC_SEQ_CST);
}
}
