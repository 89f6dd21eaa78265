// Nothing is allocated per record, per batch or per window once the assembler is running. A program of its
// own: counted_new.cc replaces operator new for all of it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <gtest/gtest.h>
#include <thread>

#include "host/window/counted_new.h"
#include "host/window/taken_window.h"
#include "window/assembler.h"

namespace millrace {
namespace {

std::uint64_t allocations_after_warming_up(std::uint32_t window_rows, std::size_t records_of_partition) {
  MemorySource source(partitions_of_topic(2));
  append_rows(source, 0, records_of_partition);
  append_rows(source, 1, records_of_partition);
  const AssemblerSettings settings = settings_for(source, window_rows, {.when = StopRule::When::end});
  Assembler assembler(source, place_decoder(), settings, &allocate_plain);
  const std::size_t windows = 2 * records_of_partition / window_rows;
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  for (std::size_t i = 0; i < windows; ++i) {
    if (i == windows / 2) before = allocations();
    // Before the assembler, which is ahead by its slots, tells the end in lists.
    if (i == windows - 10) after = allocations();
    // From the middle on the trainer is the slower one: slots that were idle until then are used too.
    const std::size_t ahead = std::min((i + settings.slots) * window_rows, 2 * records_of_partition);
    while (i >= windows / 2 && source.pulled() < ahead) std::this_thread::yield();
    assembler.give_back(assembler.take());
  }
  return after - before;
}

TEST(Allocation, IsCounted) {
  const std::uint64_t before = allocations();
  const auto memory = allocate_plain(64);
  EXPECT_EQ(allocations(), before + 1);
}

TEST(Allocation, DoesNotHappenOnceRunning) {
  EXPECT_EQ(allocations_after_warming_up(4000, 100'000), 0U);  // batches that other threads decode
  EXPECT_EQ(allocations_after_warming_up(50, 10'000), 0U);     // batches too small for that
}

}  // namespace
}  // namespace millrace
