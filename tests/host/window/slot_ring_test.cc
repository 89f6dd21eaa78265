#include "window/slot_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "host/window/taken_window.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using Reason = StreamEnd::Reason;

SlotRing ring_of(std::size_t slots) {
  std::vector<WindowSlot> made;
  for (std::size_t i = 0; i < slots; ++i)
    made.emplace_back(4, 2, allocate_plain(WindowSlot::bytes_needed(4, 2)));
  return {std::move(made), {5}};
}

void hand_over(SlotRing& ring, std::uint64_t index) {
  WindowSlot* const slot = ring.take_free();
  slot->clear();
  slot->index = index;
  slot->commit_offsets = {static_cast<std::int64_t>(100 + index)};
  ring.hand_over(slot);
}

TEST(SlotRing, GivesWindowsInTheOrderInWhichTheyCame) {
  SlotRing ring = ring_of(3);
  constexpr std::uint64_t kWindows = 1000;
  std::jthread assembler([&] {
    for (std::uint64_t index = 0; index < kWindows; ++index) hand_over(ring, index);
    ring.close({Reason::end, {7}});
  });
  for (std::uint64_t index = 0; index < kWindows; ++index) {
    WindowSlot* const slot = ring.take_full();
    ASSERT_EQ(slot->index, index);
    ring.give_back(slot);
  }
  EXPECT_EQ(ring.take_full(), nullptr);
  EXPECT_EQ(ring.end().reason, Reason::end);
  EXPECT_THAT(ring.end().commit_offsets, ElementsAre(7));
}

TEST(SlotRing, IsReadyWhenAWindowOrTheEndIsThere) {
  SlotRing ring = ring_of(1);
  EXPECT_FALSE(ring.ready());
  hand_over(ring, 0);
  EXPECT_TRUE(ring.ready());
  ring.give_back(ring.take_full());
  EXPECT_FALSE(ring.ready());
  ring.close({Reason::end, {7}});
  EXPECT_TRUE(ring.ready());
}

TEST(SlotRing, WakesBothSidesOnStop) {
  SlotRing empty = ring_of(1);
  SlotRing full = ring_of(1);
  hand_over(full, 0);
  std::jthread trainer([&] { EXPECT_EQ(empty.take_full(), nullptr); });
  std::jthread assembler([&] { EXPECT_EQ(full.take_free(), nullptr); });
  empty.stop();
  full.stop();
}

TEST(SlotRing, DropsOnStopWhatWasNotTaken) {
  SlotRing ring = ring_of(3);
  hand_over(ring, 0);
  hand_over(ring, 1);
  ring.give_back(ring.take_full());
  ring.close({Reason::end, {7}});
  ring.stop();
  EXPECT_EQ(ring.take_full(), nullptr);
  EXPECT_EQ(ring.end().reason, Reason::stopped);
  EXPECT_THAT(ring.end().commit_offsets, ElementsAre(100));
}

TEST(SlotRing, EndsWhereItBeganIfStoppedBeforeTheFirstWindow) {
  SlotRing ring = ring_of(1);
  ring.stop();
  EXPECT_EQ(ring.take_full(), nullptr);
  EXPECT_THAT(ring.end().commit_offsets, ElementsAre(5));
}

TEST(SlotRing, KeepsTheReasonOfAnEndThatWasReachedBeforeTheStop) {
  SlotRing ring = ring_of(1);
  hand_over(ring, 0);
  ring.give_back(ring.take_full());
  ring.close({Reason::idle, {7}});
  ring.stop();
  EXPECT_EQ(ring.take_full(), nullptr);
  EXPECT_EQ(ring.end().reason, Reason::idle);
  EXPECT_THAT(ring.end().commit_offsets, ElementsAre(7));
}

TEST(SlotRing, ThrowsAFailureAfterTheWindowsBeforeIt) {
  SlotRing ring = ring_of(2);
  hand_over(ring, 0);
  ring.fail(std::make_exception_ptr(std::runtime_error("broken")));
  EXPECT_EQ(ring.take_full()->index, 0U);
  EXPECT_THROW(ring.take_full(), std::runtime_error);
  EXPECT_THROW(ring.take_full(), std::runtime_error);
}

}  // namespace
}  // namespace millrace
