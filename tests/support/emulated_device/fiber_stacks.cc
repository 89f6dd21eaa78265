#include "support/emulated_device/fiber_stacks.h"

#include <new>
#include <sys/mman.h>

#include "support/emulated_device/fiber_switch.h"

namespace millrace::emulated {
namespace {

constexpr std::size_t kGuardBytes = 4096;

}  // namespace

FiberStacks::~FiberStacks() {
  for (std::byte* stack : all_) munmap(stack - kGuardBytes, kGuardBytes + kBytes);
}

std::byte* FiberStacks::lend() {
  if (free_.empty()) {
    void* memory = mmap(nullptr, kGuardBytes + kBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, kGuardBytes, PROT_NONE) != 0) throw std::bad_alloc();
    all_.push_back(static_cast<std::byte*>(memory) + kGuardBytes);
    return all_.back();
  }
  std::byte* stack = free_.back();
  free_.pop_back();
  forget_stack(stack, kBytes);
  return stack;
}

}  // namespace millrace::emulated
