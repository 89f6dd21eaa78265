// Nothing is allocated per record, per batch or per window once the assembler is running. A program of its
// own: counted_new.cc replaces operator new for all of it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

#include "decode/packed_decoder.h"
#include "decode/packed_writer.h"
#include "host/window/counted_new.h"
#include "host/window/taken_window.h"
#include "window/assembler.h"

namespace millrace {
namespace {

// `append` adds a record of so many rows to a partition.
template <typename Append>
std::uint64_t allocations_after_warming_up(std::uint32_t window_rows, std::size_t records_of_partition,
                                           std::uint32_t record_rows, const Decoder& decoder,
                                           const Append& append) {
  MemorySource source(partitions_of_topic(2));
  for (std::size_t record = 0; record < records_of_partition; ++record) {
    append(source, 0);
    append(source, 1);
  }
  const AssemblerSettings settings = settings_for(source, window_rows, {.when = StopRule::When::end});
  Assembler assembler(source, decoder, settings, &allocate_plain);
  const std::size_t windows = 2 * records_of_partition * record_rows / window_rows;
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  for (std::size_t i = 0; i < windows; ++i) {
    if (i == windows / 2) before = allocations();
    // Before the assembler, which is ahead by its slots, tells the end in lists.
    if (i == windows - 10) after = allocations();
    // From the middle on the trainer is the slower one: slots that were idle until then are used too.
    const std::size_t ahead =
        std::min((i + settings.slots) * window_rows / record_rows, 2 * records_of_partition);
    while (i >= windows / 2 && source.pulled() < ahead) std::this_thread::yield();
    assembler.give_back(assembler.take());
  }
  return after - before;
}

std::uint64_t with_a_row_each(std::uint32_t window_rows, std::size_t records_of_partition) {
  return allocations_after_warming_up(
      window_rows, records_of_partition, 1, place_decoder(),
      [](MemorySource& source, std::size_t partition) { append_rows(source, partition, 1); });
}

std::uint64_t with_many_rows_each(std::uint32_t window_rows, std::size_t records_of_partition) {
  constexpr std::uint32_t kRows = 70;
  PackedWriter writer(2, true);
  for (std::uint32_t row = 0; row < kRows; ++row) writer.add(std::vector<float>{0, 1}, 1);
  const std::string value(writer.take());
  const PackedDecoder decoder({.features = 2, .label = {LabelRule::From::column, "label"}});
  return allocations_after_warming_up(window_rows, records_of_partition, kRows, decoder,
                                      [&](MemorySource& source, std::size_t partition) {
                                        source.append(partition, {.key = {}, .value = value, .header = {}});
                                      });
}

TEST(Allocation, IsCounted) {
  const std::uint64_t before = allocations();
  const auto memory = allocate_plain(64);
  EXPECT_EQ(allocations(), before + 1);
}

TEST(Allocation, DoesNotHappenOnceRunning) {
  EXPECT_EQ(with_a_row_each(4000, 100'000), 0U);  // batches that other threads decode
  EXPECT_EQ(with_a_row_each(50, 10'000), 0U);     // batches too small for that
  EXPECT_EQ(with_many_rows_each(4000, 5'000), 0U);
  EXPECT_EQ(with_many_rows_each(50, 1'000), 0U);
}

}  // namespace
}  // namespace millrace
