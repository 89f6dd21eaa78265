// The shared memory of one cluster's blocks, and of every byte of it: who wrote it last, and who has read it
// since.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/emulated_device/memory.h"

namespace millrace::emulated {

constexpr unsigned kMostClusterBlocks = 8;

// When a thread did something, measured by everything that can order it before what another thread does.
struct Moment {
  std::uint32_t thread = 0;            // within the cluster
  std::uint32_t block_epoch = 0;       // block barriers passed
  std::uint32_t cluster_arrivals = 0;  // cluster barriers arrived at
  std::uint32_t clock = 0;             // warp barriers passed, and releases
  // A bulk copy is a thread of its own, beyond the cluster's: one for each barrier, whose phase is the clock.
  static constexpr std::uint32_t kOfCopy = ~0U;
  [[nodiscard]] bool is_copy() const { return block_epoch == kOfCopy; }
};

// What a thread learned of others by acquiring what they released: all that they had done, and learned.
struct Acquired {
  std::uint32_t cluster_waits = 0;
  std::array<std::uint32_t, kMostClusterBlocks> block_epochs{};  // by rank
  std::vector<std::uint32_t> clocks;  // by thread: moments before this clock are visible

  [[nodiscard]] bool after(const Moment& earlier, std::uint32_t threads_per_block) const;
  void join(const Acquired& other);
};
using AcquiredPointer = std::shared_ptr<const Acquired>;  // nullptr: nothing
void join(AcquiredPointer& into, const AcquiredPointer& other);

// What a thread knows of the others: the other side of Moment.
struct Knowledge {
  std::uint32_t thread;
  std::uint32_t threads_per_block;
  std::uint32_t block_epoch;
  std::uint32_t cluster_waits;
  const std::uint32_t* warp_seen;  // [32]: by lane of its warp: moments before this clock are visible
  const Acquired* acquired;        // may be nullptr

  [[nodiscard]] bool after(const Moment& earlier) const;
};

class SharedMemory {
 public:
  static constexpr std::size_t kBlockBytes = 227 * 1024;  // of one block, static and dynamic together (sm_90)
  static constexpr std::size_t kStaticBytes = 48 * 1024;
  static constexpr unsigned kMostBlocks = kMostClusterBlocks;

  SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  ~SharedMemory();

  // Forgets all, for the next cluster.
  void start(unsigned blocks, std::size_t dynamic_bytes);

  [[nodiscard]] bool contains(const void* address) const;
  [[nodiscard]] std::byte* dynamic(unsigned rank) const { return arena_ + rank * kStride; }
  // nullptr where the block has no room for it.
  [[nodiscard]] std::byte* object(unsigned rank, const void* key, std::size_t bytes, std::size_t alignment);
  [[nodiscard]] unsigned rank_of(const void* address) const;
  [[nodiscard]] std::string describe(const void* address) const;
  [[nodiscard]] std::byte* counterpart(const void* local, unsigned rank) const;

  // Whether the range lies in one object.
  [[nodiscard]] std::optional<Problem> reach(const void* address, std::size_t bytes) const;
  [[nodiscard]] std::optional<Problem> touch(const void* address, std::size_t bytes, Access access,
                                             const Moment& now, const Knowledge& known);
  // A copy is under way to these bytes: until it lands they count as never written.
  void forget_written(const void* address, std::size_t bytes);
  // It landed.
  void land(const void* address, std::size_t bytes);

 private:
  static constexpr std::size_t kStride = 256 * 1024;
  static constexpr std::size_t kGap = 256;

  struct Object {
    const void* key;
    std::size_t begin;  // within the block
    std::size_t bytes;
  };
  struct Cell {
    std::uint32_t generation;  // of an older one: nothing happened here yet
    bool written;
    bool has_writer;
    bool has_reader;
    bool atomic_writer;
    std::uint32_t more;  // readers that are not ordered: 1 + index into more_, 0 if none
    Moment writer;
    Moment reader;
  };

  [[nodiscard]] std::optional<Problem> touch_one(Cell& cell, std::size_t offset, Access access,
                                                 const Moment& now, const Knowledge& known);
  void take_down_reader(Cell& cell, const Moment& now, const Knowledge& known);
  [[nodiscard]] std::string describe(std::size_t offset) const;
  [[nodiscard]] Problem race(const Moment& earlier, const char* did, const char* does, std::size_t offset,
                             const Knowledge& known) const;

  std::byte* arena_;
  Cell* cells_;  // one per byte of the arena
  std::uint32_t generation_ = 0;
  unsigned blocks_in_use_ = 0;
  std::vector<Object> objects_;  // dynamic memory first; in the same places in all blocks
  std::size_t end_ = 0;
  std::size_t static_bytes_ = 0;
  std::vector<std::vector<Moment>> more_;
  std::size_t more_used_ = 0;
};

}  // namespace millrace::emulated
