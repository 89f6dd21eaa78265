// A RecordSource over logs in memory, for tests: what Kafka does, without Kafka.
//
// The test owns it. One thread works it as a RecordSource; any thread may append, hold back, fail and look.
// What is appended can be pulled at once, unless deliver_at_random() or hold_back() say otherwise.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "millrace/record.h"

namespace millrace {

class MemorySource final : public RecordSource {
 public:
  struct Record {
    std::optional<std::string> key;  // absent: null
    std::optional<std::string> value;
    std::optional<std::string> header;
    std::int64_t timestamp_ms = -1;
  };

  explicit MemorySource(std::vector<TopicPartition> partitions);

  // Before the first pull: delivery in pieces of random size, at random times, the end reported late.
  void deliver_at_random(std::uint64_t seed);
  // Before the first pull: at most so many records that were pulled and not yet released.
  void limit_outstanding(std::size_t records);
  // Before the first pull: partition `index` is read from here.
  void start_at(std::size_t index, std::int64_t offset);

  // Returns the record's offset.
  std::int64_t append(std::size_t index, Record record);
  // Offsets without records: control records of transactions, or what compaction took.
  void leave_gap(std::size_t index, std::int64_t offsets);
  // Before start_at and the first pull, of a record that is there: it becomes another one, or goes as
  // compaction takes it.
  void replace(std::size_t index, std::int64_t offset, Record record);
  void remove(std::size_t index, std::int64_t offset);
  // A partition that delivers nothing and tells nothing, as if its leader were away.
  void hold_back(std::size_t index, bool held);
  // A partition more, found by the next discover() and read from the beginning; returns its index. Records
  // may be appended to it at once.
  std::size_t add_partition(TopicPartition partition);
  // Records up to `next` are gone, read or not: what was to be read before is lost.
  void delete_before(std::size_t index, std::int64_t next);
  // The log is made anew, empty.
  void make_anew(std::size_t index);
  // The next pull throws.
  void fail(std::exception_ptr failure);

  [[nodiscard]] std::int64_t end_offset(std::size_t index) const;
  [[nodiscard]] std::size_t pulled() const;       // records handed out so far
  [[nodiscard]] std::size_t outstanding() const;  // of those, not yet released

  [[nodiscard]] std::span<const TopicPartition> partitions() const override { return partitions_; }
  PullOutcome pull(std::size_t index, std::size_t max_records, RecordBatch& batch) override;
  std::vector<PartitionStart> discover() override;
  Position recover(std::size_t index) override;
  void wait(std::chrono::milliseconds at_most) override;
  void wake() noexcept override;

 private:
  struct Entry {
    std::int64_t offset;
    Record record;
    MemorySource* source;  // that learns of the release
  };
  struct Log {
    std::deque<Entry> entries;  // addresses stay
    std::size_t next = 0;       // entry to hand out
    std::int64_t next_offset = 0;
    std::int64_t begin = 0;
    std::int64_t end = 0;
    bool held = false;
    bool lost = false;
  };

  static void release(void* entry);
  [[nodiscard]] std::size_t deliverable(std::size_t arrived, std::size_t max_records);

  std::vector<TopicPartition> partitions_;  // owned by the reading thread

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<Log> logs_;               // addresses of entries stay
  std::vector<TopicPartition> found_;  // and not yet read
  std::optional<std::mt19937_64> random_;
  std::size_t most_outstanding_ = static_cast<std::size_t>(-1);
  std::size_t pulled_ = 0;
  std::size_t outstanding_ = 0;
  bool something_new_ = true;  // since the last wait
  std::exception_ptr failure_;
};

}  // namespace millrace
