// Where a reader of Kafka stands.
//
// Positions always name what comes *next*. Three positions of one partition are told apart by the names of
// the variables that hold them, never by type: *read* (handed out by the source), *trained* (taken into the
// weights) and *committed* (told to the broker's group, after a checkpoint is durable).
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace {

struct TopicPartition {
  std::string topic;
  std::int32_t partition = 0;

  // Topics by name, then partitions by number: the order in which rows stand in a window.
  auto operator<=>(const TopicPartition&) const = default;
};

// What comes next in one partition: an offset and, where a record holds many rows, a row within that record.
struct Position {
  std::int64_t offset = 0;
  std::int32_t row = 0;

  auto operator<=>(const Position&) const = default;
};

// Tells whether the record before a position is still the one that was trained. A record that is absent
// (compaction, retention) proves nothing; one that differs proves that the log was cut or made anew.
struct RecordFingerprint {
  std::int64_t offset = -1;  // of the record itself; -1: nothing was trained yet
  std::int64_t timestamp_ms = 0;
  std::uint64_t hash = 0;  // XXH3-64 over key and value, each preceded by its length (-1 for null)

  auto operator<=>(const RecordFingerprint&) const = default;
};

// What a checkpoint knows of one partition.
struct TrainedPosition {
  TopicPartition partition;
  Position next;
  RecordFingerprint last_record;

  bool operator==(const TrainedPosition&) const = default;
};

// A partition that is read from now on, and where.
struct PartitionStart {
  TopicPartition partition;
  Position start;

  bool operator==(const PartitionStart&) const = default;
};

// An offset to commit for one partition, the next one to read.
struct CommitOffset {
  TopicPartition partition;
  std::int64_t offset = 0;

  bool operator==(const CommitOffset&) const = default;
};

}  // namespace millrace
