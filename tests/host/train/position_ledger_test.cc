#include "train/position_ledger.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

const std::vector<TopicPartition> kPartitions{{"clicks", 0}, {"clicks", 1}};
const std::vector<Position> kStarts{{10, 0}, {0, 0}};

PartitionRange range(std::uint32_t partition, std::int64_t begin, std::int64_t end) {
  return {.partition = partition,
          .begin = {begin, 0},
          .end = {end, 0},
          .records = static_cast<std::uint64_t>(end - begin),
          .rows = static_cast<std::uint64_t>(end - begin),
          .last_record = {end - 1, 1000 + end, 7}};
}

TEST(PositionLedger, BeginsWhereReadingBegins) {
  const PositionLedger ledger(kPartitions, kStarts, {});
  ASSERT_EQ(ledger.positions().size(), 2U);
  EXPECT_EQ(ledger.positions()[0].next, (Position{10, 0}));
  EXPECT_EQ(ledger.commits()[0].offset, 10);
}

TEST(PositionLedger, TakesTrainedRangesAndRemembersTheirLastRecord) {
  PositionLedger ledger(kPartitions, kStarts, {});
  const std::vector<PartitionRange> ranges{range(0, 10, 14), range(1, 0, 3)};
  ledger.trained(ranges);
  EXPECT_EQ(ledger.current()[0].next, (Position{14, 0}));
  EXPECT_EQ(ledger.current()[0].last_record.offset, 13);
  EXPECT_EQ(ledger.commits()[1].offset, 3);
}

TEST(PositionLedger, CommitsMayPassControlRecordsButTrainedPositionsDoNot) {
  PositionLedger ledger(kPartitions, kStarts, {});
  ledger.committable(std::vector<std::int64_t>{12, 0});
  EXPECT_EQ(ledger.commits()[0].offset, 12);
  EXPECT_EQ(ledger.current()[0].next, (Position{10, 0}));
}

TEST(PositionLedger, CommitsNeverGoBack) {
  PositionLedger ledger(kPartitions, kStarts, {});
  ledger.committable(std::vector<std::int64_t>{20, 0});
  ledger.trained(std::vector<PartitionRange>{range(0, 10, 14)});
  EXPECT_EQ(ledger.commits()[0].offset, 20);
}

TEST(PositionLedger, KeepsPositionsOfTopicsThatAreNotRead) {
  const std::vector<TrainedPosition> known{{{"clicks", 0}, {10, 0}, {9, 5, 5}},
                                           {{"other", 3}, {77, 0}, {76, 1, 2}}};
  const PositionLedger ledger(kPartitions, kStarts, known);
  const std::vector<TrainedPosition> positions = ledger.positions();
  ASSERT_EQ(positions.size(), 3U);
  EXPECT_EQ(positions[2].partition.topic, "other");
  EXPECT_EQ(positions[2].next.offset, 77);
}

TEST(PositionLedger, ForgetsPartitionsThatATopicNoLongerHas) {
  const std::vector<TrainedPosition> known{{{"clicks", 2}, {10, 0}, {9, 5, 5}}};
  EXPECT_EQ(PositionLedger(kPartitions, kStarts, known).positions().size(), 2U);
}

TEST(PositionLedger, GivesAPartitionThatWasFoundAPositionOnlyOnceItsRecordsAreTrained) {
  PositionLedger ledger(kPartitions, kStarts, {});
  ledger.read_also(std::vector<PartitionStart>{{{"clicks", 3}, {5, 0}}, {{"clicks", 2}, {0, 0}}});
  EXPECT_EQ(ledger.partitions()[3], (TopicPartition{"clicks", 2}));
  EXPECT_EQ(ledger.positions().size(), 2U);
  ledger.trained(std::vector<PartitionRange>{range(2, 5, 8)});
  const std::vector<TrainedPosition> positions = ledger.positions();
  ASSERT_EQ(positions.size(), 3U);
  EXPECT_EQ(positions[2].partition, (TopicPartition{"clicks", 3}));
  EXPECT_EQ(positions[2].next, (Position{8, 0}));
}

TEST(PositionLedger, CommitsNothingOfPartitionsThatNoWindowToldOf) {
  PositionLedger ledger(kPartitions, kStarts, {});
  ledger.committable(std::vector<std::int64_t>{12, 3, 9});
  ASSERT_EQ(ledger.commits().size(), 2U);
  EXPECT_EQ(ledger.commits()[1].offset, 3);
}

TEST(PositionLedger, GoesBackOnlyWithTheRecordsOfALogMadeAnew) {
  PositionLedger ledger(kPartitions, kStarts, {});
  ledger.trained(std::vector<PartitionRange>{range(0, 10, 14)});
  ledger.committable(std::vector<std::int64_t>{0, 0});
  EXPECT_EQ(ledger.current()[0].next, (Position{14, 0}));
  EXPECT_EQ(ledger.commits()[0].offset, 14);
  ledger.trained(std::vector<PartitionRange>{range(0, 0, 3)});
  EXPECT_EQ(ledger.current()[0].next, (Position{3, 0}));
  EXPECT_EQ(ledger.commits()[0].offset, 3);
}

TEST(PositionLedger, ForgetsTheLastRecordOfAPartitionThatWasMoved) {
  const std::vector<TrainedPosition> known{{{"clicks", 0}, {10, 0}, {9, 5, 5}},
                                           {{"clicks", 1}, {8, 0}, {7, 1, 2}}};
  const PositionLedger ledger(kPartitions, kStarts, known);
  EXPECT_EQ(ledger.current()[0].last_record.offset, 9);
  EXPECT_EQ(ledger.current()[1].last_record.offset, -1);
}

}  // namespace
}  // namespace millrace
