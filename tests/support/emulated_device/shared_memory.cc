#include "support/emulated_device/shared_memory.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <sys/mman.h>
#include <utility>

namespace millrace::emulated {
namespace {

constexpr unsigned kWarp = 32;
constexpr int kPoison = 0xff;  // NaN as float32 and as bfloat16

void* reserve(std::size_t bytes) {
  void* memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return memory;
}

std::size_t round_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

bool Knowledge::after(const Moment& earlier) const {
  if (earlier.thread == thread || earlier.cluster_arrivals < cluster_waits) return true;
  if (acquired != nullptr && acquired->after(earlier, threads_per_block)) return true;
  if (earlier.thread / threads_per_block != thread / threads_per_block) return false;
  if (earlier.block_epoch < block_epoch) return true;
  const std::uint32_t mine = thread % threads_per_block;
  const std::uint32_t its = earlier.thread % threads_per_block;
  return mine / kWarp == its / kWarp && earlier.clock < warp_seen[its % kWarp];
}

bool Acquired::after(const Moment& earlier, std::uint32_t threads_per_block) const {
  if (earlier.cluster_arrivals < cluster_waits) return true;
  if (earlier.thread < clocks.size() && earlier.clock < clocks[earlier.thread]) return true;
  const std::uint32_t rank = earlier.thread / threads_per_block;
  return rank < block_epochs.size() && earlier.block_epoch < block_epochs[rank];
}

void Acquired::join(const Acquired& other) {
  cluster_waits = std::max(cluster_waits, other.cluster_waits);
  for (std::size_t i = 0; i < block_epochs.size(); ++i) {
    block_epochs[i] = std::max(block_epochs[i], other.block_epochs[i]);
  }
  if (clocks.size() < other.clocks.size()) clocks.resize(other.clocks.size());
  for (std::size_t i = 0; i < other.clocks.size(); ++i) clocks[i] = std::max(clocks[i], other.clocks[i]);
}

void join(AcquiredPointer& into, const AcquiredPointer& other) {
  if (other == nullptr || into == other) return;
  if (into == nullptr) {
    into = other;
    return;
  }
  auto both = std::make_shared<Acquired>(*into);
  both->join(*other);
  into = std::move(both);
}

SharedMemory::SharedMemory()
    : arena_(static_cast<std::byte*>(reserve(kMostBlocks * kStride))),
      cells_(static_cast<Cell*>(reserve(kMostBlocks * kStride * sizeof(Cell)))) {}

SharedMemory::~SharedMemory() {
  munmap(arena_, kMostBlocks * kStride);
  munmap(cells_, kMostBlocks * kStride * sizeof(Cell));
}

void SharedMemory::start(unsigned blocks, std::size_t dynamic_bytes) {
  ++generation_;
  blocks_in_use_ = blocks;
  for (std::size_t i = 0; i < more_used_; ++i) more_[i].clear();
  more_used_ = 0;
  objects_.assign(1, {nullptr, 0, dynamic_bytes});
  end_ = dynamic_bytes;
  static_bytes_ = 0;
  for (unsigned rank = 0; rank < blocks; ++rank) std::memset(dynamic(rank), kPoison, dynamic_bytes);
}

bool SharedMemory::contains(const void* address) const {
  const auto* at = static_cast<const std::byte*>(address);
  return at >= arena_ && at < arena_ + kMostBlocks * kStride;
}

std::byte* SharedMemory::object(unsigned rank, const void* key, std::size_t bytes, std::size_t alignment) {
  for (const Object& object : objects_) {
    if (object.key == key) return arena_ + rank * kStride + object.begin;
  }
  const std::size_t begin = round_up(end_ + kGap, std::max<std::size_t>(alignment, 16));
  static_bytes_ += round_up(bytes, 16);
  const bool fits = static_bytes_ <= kStaticBytes && static_bytes_ + objects_.front().bytes <= kBlockBytes;
  if (!fits || begin + bytes > kStride) return nullptr;
  objects_.push_back({key, begin, bytes});
  end_ = begin + bytes;
  for (unsigned i = 0; i < blocks_in_use_; ++i) std::memset(arena_ + i * kStride + begin, kPoison, bytes);
  return arena_ + rank * kStride + begin;
}

unsigned SharedMemory::rank_of(const void* address) const {
  return static_cast<unsigned>(static_cast<std::size_t>(static_cast<const std::byte*>(address) - arena_) /
                               kStride);
}

std::byte* SharedMemory::counterpart(const void* local, unsigned rank) const {
  const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(local) - arena_) % kStride;
  return arena_ + rank * kStride + offset;
}

std::string SharedMemory::describe(std::size_t offset) const {
  return "shared byte " + std::to_string(offset % kStride) + " of the block of rank " +
         std::to_string(offset / kStride);
}

std::string SharedMemory::describe(const void* address) const {
  return describe(static_cast<std::size_t>(static_cast<const std::byte*>(address) - arena_));
}

Problem SharedMemory::race(const Moment& earlier, const char* did, const char* does, std::size_t offset,
                           const Knowledge& known) const {
  const std::string who = earlier.is_copy()
                              ? "a bulk copy"
                              : "thread " + std::to_string(earlier.thread % known.threads_per_block) +
                                    " of the block of rank " +
                                    std::to_string(earlier.thread / known.threads_per_block);
  return {Failure::Kind::shared_race, std::string(does) + " " + describe(offset) + ", which " + who + " " +
                                          did + ", and no barrier stands between"};
}

std::optional<Problem> SharedMemory::reach(const void* address, std::size_t bytes) const {
  const auto begin = static_cast<std::size_t>(static_cast<const std::byte*>(address) - arena_);
  const std::size_t local = begin % kStride;
  const auto holds = [&](const Object& object) {
    return local >= object.begin && local + bytes <= object.begin + object.bytes;
  };
  if (begin / kStride < blocks_in_use_ && std::any_of(objects_.begin(), objects_.end(), holds)) {
    return std::nullopt;
  }
  return Problem{Failure::Kind::out_of_bounds,
                 std::to_string(bytes) + " bytes at " + describe(begin) + " are in no shared object"};
}

std::optional<Problem> SharedMemory::touch(const void* address, std::size_t bytes, Access access,
                                           const Moment& now, const Knowledge& known) {
  if (auto problem = reach(address, bytes)) return problem;
  const auto begin = static_cast<std::size_t>(static_cast<const std::byte*>(address) - arena_);
  for (std::size_t offset = begin; offset < begin + bytes; ++offset) {
    Cell& cell = cells_[offset];
    if (cell.generation != generation_) cell = Cell{generation_, false, false, false, false, 0, {}, {}};
    if (auto problem = touch_one(cell, offset, access, now, known)) return problem;
  }
  return std::nullopt;
}

std::optional<Problem> SharedMemory::touch_one(Cell& cell, std::size_t offset, Access access,
                                               const Moment& now, const Knowledge& known) {
  const bool both_atomic = is_atomic(access) && cell.atomic_writer;
  const char* does = access == Access::read ? "reads" : "writes";
  // The race first: it says why a byte is not written yet.
  if (cell.has_writer && !both_atomic && !known.after(cell.writer)) {
    return race(cell.writer, "writes", does, offset, known);
  }
  if (reads(access) && !cell.written) {
    return Problem{Failure::Kind::never_written, describe(offset) + " is read, and nothing wrote it"};
  }
  if (access == Access::read) {
    take_down_reader(cell, now, known);
    return std::nullopt;
  }
  if (cell.has_reader && !known.after(cell.reader)) return race(cell.reader, "reads", does, offset, known);
  if (cell.more != 0) {
    for (const Moment& reader : more_[cell.more - 1]) {
      if (!known.after(reader)) return race(reader, "reads", does, offset, known);
    }
    more_[cell.more - 1].clear();
  }
  cell.has_reader = false;
  cell.has_writer = true;
  cell.written = true;
  cell.atomic_writer = is_atomic(access);
  cell.writer = now;
  return std::nullopt;
}

// A reader may be forgotten when a later reader is ordered after it: whoever comes after the later one comes
// after both.
void SharedMemory::take_down_reader(Cell& cell, const Moment& now, const Knowledge& known) {
  if (!cell.has_reader || known.after(cell.reader)) {
    cell.has_reader = true;
    cell.reader = now;
    return;
  }
  if (cell.more == 0) {
    if (more_used_ == more_.size()) more_.emplace_back();
    cell.more = static_cast<std::uint32_t>(++more_used_);
  }
  std::vector<Moment>& readers = more_[cell.more - 1];
  if (!readers.empty() && known.after(readers.back())) {
    std::erase_if(readers, [&](const Moment& reader) { return known.after(reader); });
  }
  readers.push_back(now);
}

void SharedMemory::forget_written(const void* address, std::size_t bytes) {
  const auto begin = static_cast<std::size_t>(static_cast<const std::byte*>(address) - arena_);
  for (std::size_t offset = begin; offset < begin + bytes; ++offset) cells_[offset].written = false;
}

void SharedMemory::land(const void* address, std::size_t bytes) {
  const auto begin = static_cast<std::size_t>(static_cast<const std::byte*>(address) - arena_);
  for (std::size_t offset = begin; offset < begin + bytes; ++offset) cells_[offset].written = true;
}

}  // namespace millrace::emulated
