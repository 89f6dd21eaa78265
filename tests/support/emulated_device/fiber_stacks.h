// Stacks for fibers, one per CUDA thread that is under way; the last one given back is the next one lent.
#pragma once

#include <cstddef>
#include <vector>

namespace millrace::emulated {

class FiberStacks {
 public:
  static constexpr std::size_t kBytes = 128 * 1024;  // takes memory only where it is touched

  FiberStacks() = default;
  FiberStacks(const FiberStacks&) = delete;
  FiberStacks& operator=(const FiberStacks&) = delete;
  ~FiberStacks();

  // The lowest address of a stack of kBytes, above a page that faults.
  [[nodiscard]] std::byte* lend();
  void give_back(std::byte* lowest) { free_.push_back(lowest); }

 private:
  std::vector<std::byte*> all_;
  std::vector<std::byte*> free_;
};

}  // namespace millrace::emulated
