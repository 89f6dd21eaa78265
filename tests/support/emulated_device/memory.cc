#include "support/emulated_device/memory.h"

#include <cstring>
#include <new>
#include <sys/mman.h>
#include <utility>

namespace millrace::emulated {
namespace {

constexpr std::size_t kArenaBytes = std::size_t{4} << 30;  // of addresses; only what is touched takes memory
constexpr std::size_t kAlignment = 256;
constexpr std::size_t kGap = 64 * 1024;
constexpr int kPoison = 0xff;  // NaN as float32 and as bfloat16

void* reserve(std::size_t bytes) {
  void* memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return memory;
}

}  // namespace

Memory::Memory(std::size_t device_bytes)
    : device_bytes_(device_bytes),
      arena_(static_cast<std::byte*>(reserve(kArenaBytes))),
      written_(static_cast<std::uint8_t*>(reserve(kArenaBytes))),
      traces_(static_cast<Trace*>(reserve(kArenaBytes * sizeof(Trace)))),
      works_(1) {}

Memory::~Memory() {
  munmap(arena_, kArenaBytes);
  munmap(written_, kArenaBytes);
  munmap(traces_, kArenaBytes * sizeof(Trace));
}

std::byte* Memory::allocate(std::size_t bytes, MemoryKind kind, bool live) {
  const std::size_t begin = (used_ + kGap + kAlignment - 1) / kAlignment * kAlignment;
  if (bytes > kArenaBytes || begin + bytes + kGap > kArenaBytes) return nullptr;
  if (kind == MemoryKind::device) {
    if (bytes > device_bytes_ - device_used_) return nullptr;
    device_used_ += bytes;
  }
  used_ = begin + bytes;
  ++live_count_;
  std::byte* memory = arena_ + begin;
  allocations_.emplace(memory, Allocation{memory, bytes, kind, ++numbers_, live});
  std::memset(memory, kPoison, bytes);
  // The host writes pinned memory without being seen.
  if (kind == MemoryKind::pinned) mark_written(memory, bytes);
  return memory;
}

bool Memory::can_release(const void* begin, MemoryKind kind) const {
  const auto found = allocations_.find(static_cast<const std::byte*>(begin));
  return found != allocations_.end() && found->second.kind == kind && !found->second.freed;
}

void Memory::release(const void* begin) {
  Allocation& allocation = allocations_.at(static_cast<const std::byte*>(begin));
  allocation.live = false;
  allocation.freed = true;
  --live_count_;
  if (allocation.kind == MemoryKind::device) device_used_ -= allocation.bytes;
  std::memset(allocation.begin, kPoison, allocation.bytes);
}

void Memory::make_live(const void* begin) {
  allocations_.at(static_cast<const std::byte*>(begin)).live = true;
}

bool Memory::contains(const void* address) const {
  const auto* at = static_cast<const std::byte*>(address);
  return at >= arena_ && at < arena_ + kArenaBytes;
}

const Allocation* Memory::holding(const void* address, std::size_t bytes) const {
  const auto* at = static_cast<const std::byte*>(address);
  const auto holds = [&](const Allocation& candidate) {
    return at >= candidate.begin && at + bytes <= candidate.begin + candidate.bytes;
  };
  if (last_found_ != nullptr && holds(*last_found_)) return last_found_;
  auto next = allocations_.upper_bound(at);
  if (next == allocations_.begin()) return nullptr;
  const Allocation& candidate = std::prev(next)->second;
  if (!holds(candidate)) return nullptr;
  last_found_ = &candidate;
  return &candidate;
}

std::string Memory::describe(const void* address, const Allocation& allocation) const {
  const std::ptrdiff_t offset = static_cast<const std::byte*>(address) - allocation.begin;
  return "byte " + std::to_string(offset) + " of " +
         (allocation.kind == MemoryKind::device ? "device" : "pinned") + " buffer " +
         std::to_string(allocation.number) + " (" + std::to_string(allocation.bytes) + " bytes)";
}

std::optional<Problem> Memory::reach(const void* address, std::size_t bytes) const {
  if (const Allocation* allocation = holding(address, bytes)) {
    if (allocation->live) return std::nullopt;
    return Problem{
        Failure::Kind::use_after_free,
        describe(address, *allocation) + (allocation->freed ? " is freed" : " is not allocated yet")};
  }
  std::string detail = std::to_string(bytes) + " bytes";
  const auto next = allocations_.upper_bound(static_cast<const std::byte*>(address));
  if (contains(address) && next != allocations_.begin()) {
    detail += " at " + describe(address, std::prev(next)->second);
  } else {
    detail += " at an address that is in no buffer";
  }
  return Problem{Failure::Kind::out_of_bounds, detail};
}

bool Memory::ordered(std::uint32_t earlier, std::uint32_t now) const {
  return earlier == 0 || earlier == now || works_[now].after(works_[earlier]);
}

Problem Memory::race(std::uint32_t earlier, const char* did, const char* does, std::size_t offset) const {
  const std::byte* address = arena_ + offset;
  return {Failure::Kind::stream_race, std::string(does) + " " + describe(address, *holding(address, 1)) +
                                          ", which " + works_[earlier].name + " " + did +
                                          ", and nothing orders the two"};
}

std::optional<Problem> Memory::order_one(std::size_t offset, Access access, std::uint32_t work) {
  Trace& trace = traces_[offset];
  const bool both_atomic = is_atomic(access) && trace.atomic_writer;
  if (!both_atomic && !ordered(trace.writer, work)) {
    return race(trace.writer, "writes", access == Access::read ? "reads" : "writes", offset);
  }
  if (access == Access::read) {
    if (trace.reader == work) return std::nullopt;
    if (ordered(trace.reader, work) && !trace.more_readers) {
      trace.reader = work;
    } else {
      // A reader that is not ordered before this one stays on the list: a later writer must come after both.
      trace.more_readers = true;
      std::vector<std::uint32_t>& more = more_readers_[offset];
      if (more.empty() || more.back() != work) more.push_back(work);
    }
    return std::nullopt;
  }
  if (!ordered(trace.reader, work)) return race(trace.reader, "reads", "writes", offset);
  if (trace.more_readers) {
    for (const std::uint32_t reader : more_readers_[offset]) {
      if (!ordered(reader, work)) return race(reader, "reads", "writes", offset);
    }
    more_readers_.erase(offset);
  }
  trace = {work, 0, is_atomic(access), false};
  return std::nullopt;
}

std::optional<Problem> Memory::touch(const void* address, std::size_t bytes, Access access,
                                     std::uint32_t work) {
  if (auto problem = reach(address, bytes)) return problem;
  const auto begin = static_cast<std::size_t>(static_cast<const std::byte*>(address) - arena_);
  if (reads(access) && std::memchr(written_ + begin, 0, bytes) != nullptr) {
    return Problem{Failure::Kind::never_written,
                   describe(address, *holding(address, bytes)) + " is read, and nothing wrote it"};
  }
  for (std::size_t offset = begin; offset < begin + bytes; ++offset) {
    if (auto problem = order_one(offset, access, work)) return problem;
  }
  if (access != Access::read) std::memset(written_ + begin, 1, bytes);
  return std::nullopt;
}

void Memory::copy_written(const void* to, const void* from, std::size_t bytes) {
  std::memmove(written_ + (static_cast<const std::byte*>(to) - arena_),
               written_ + (static_cast<const std::byte*>(from) - arena_), bytes);
}

void Memory::mark_written(const void* address, std::size_t bytes) {
  std::memset(written_ + (static_cast<const std::byte*>(address) - arena_), 1, bytes);
}

std::uint32_t Memory::register_work(WorkOrder order) {
  works_.push_back(std::move(order));
  return static_cast<std::uint32_t>(works_.size() - 1);
}

}  // namespace millrace::emulated
