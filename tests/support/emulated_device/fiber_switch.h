// Tells AddressSanitizer about switches between stacks; nothing without it.
#pragma once

#include <cstddef>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace millrace::emulated {

struct StackBounds {
  const void* lowest = nullptr;
  std::size_t bytes = 0;
};

#ifdef __SANITIZE_ADDRESS__

// `keep` is nullptr where nobody comes back to the stack that is left.
inline void leave_stack(void** keep, const StackBounds& next) {
  __sanitizer_start_switch_fiber(keep, next.lowest, next.bytes);
}
// The bounds of the stack that was left.
inline StackBounds reach_stack(void* kept) {
  StackBounds left;
  __sanitizer_finish_switch_fiber(kept, &left.lowest, &left.bytes);
  return left;
}
// What abandoned fibers left on it is forgotten.
inline void forget_stack(std::byte* lowest, std::size_t bytes) {
  __asan_unpoison_memory_region(lowest, bytes);
}

#else

inline void leave_stack(void**, const StackBounds&) {}
inline StackBounds reach_stack(void*) { return {}; }
inline void forget_stack(std::byte*, std::size_t) {}

#endif

}  // namespace millrace::emulated
