// Device memory and pinned host memory, with a shadow that knows of every byte whether it was written, and by
// which work it was last touched. Addresses are never used twice, and lie far enough apart that an index out
// of range hits nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "support/emulated_device/emulated_device.h"
#include "support/emulated_device/work_order.h"

namespace millrace::emulated {

enum class MemoryKind { device, pinned };
enum class Access { read, write, atomic, atomic_store };

constexpr bool is_atomic(Access access) { return access == Access::atomic || access == Access::atomic_store; }
constexpr bool reads(Access access) { return access == Access::read || access == Access::atomic; }

struct Allocation {
  std::byte* begin;
  std::size_t bytes;
  MemoryKind kind;
  int number;        // in the order of allocation, for messages
  bool live = true;  // false before a stream-ordered allocation happened, and after its release
  bool freed = false;
};

struct Problem {
  Failure::Kind kind;
  std::string detail;
};

class Memory {
 public:
  explicit Memory(std::size_t device_bytes);
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory();

  // nullptr where the device has no room for it.
  [[nodiscard]] std::byte* allocate(std::size_t bytes, MemoryKind kind, bool live);
  [[nodiscard]] bool can_release(const void* begin, MemoryKind kind) const;
  // Taken from the books at once, and poisoned; stream-ordered releases call this when their turn comes.
  void release(const void* begin);
  void make_live(const void* begin);

  [[nodiscard]] bool contains(const void* address) const;
  // The allocation that holds [address, address + bytes), live or not.
  [[nodiscard]] const Allocation* holding(const void* address, std::size_t bytes) const;

  // Whether the range may be touched: bounds and lifetime.
  [[nodiscard]] std::optional<Problem> reach(const void* address, std::size_t bytes) const;
  // reach, then: is what is read written, and are all earlier accesses ordered before this work? Takes it
  // down.
  [[nodiscard]] std::optional<Problem> touch(const void* address, std::size_t bytes, Access access,
                                             std::uint32_t work);
  // What a copy does to the shadow: the target is as written as the source was.
  void copy_written(const void* to, const void* from, std::size_t bytes);
  void mark_written(const void* address, std::size_t bytes);

  // Works that touch memory have a number: their place in this list.
  std::uint32_t register_work(WorkOrder order);

  [[nodiscard]] std::size_t live_allocations() const { return live_count_; }
  [[nodiscard]] std::size_t free_device_bytes() const { return device_bytes_ - device_used_; }

 private:
  struct Trace {
    std::uint32_t writer;  // 0: none
    std::uint32_t reader;
    bool atomic_writer;
    bool more_readers;
  };

  [[nodiscard]] std::optional<Problem> order_one(std::size_t offset, Access access, std::uint32_t work);
  [[nodiscard]] bool ordered(std::uint32_t earlier, std::uint32_t now) const;
  [[nodiscard]] Problem race(std::uint32_t earlier, const char* did, const char* does,
                             std::size_t offset) const;
  [[nodiscard]] std::string describe(const void* address, const Allocation& allocation) const;

  const std::size_t device_bytes_;
  std::byte* arena_;
  std::uint8_t* written_;  // one per byte of the arena
  Trace* traces_;          // likewise
  std::size_t used_ = 0;
  std::size_t device_used_ = 0;
  std::size_t live_count_ = 0;
  int numbers_ = 0;
  std::map<const std::byte*, Allocation> allocations_;  // by begin; freed ones stay
  mutable const Allocation* last_found_ = nullptr;
  std::vector<WorkOrder> works_;                                              // [0] is nobody
  std::unordered_map<std::size_t, std::vector<std::uint32_t>> more_readers_;  // by offset
};

}  // namespace millrace::emulated
