// Records as they come from a topic, and the source that hands them out.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/position.h"

namespace millrace {

// One Kafka message, as views into memory that a RecordBatch owns.
struct RecordView {
  std::int64_t offset = 0;
  std::int64_t timestamp_ms = -1;  // milliseconds since the Unix epoch; -1: the broker gave none
  std::string_view key;
  std::string_view value;
  std::string_view header;  // the value of the one header that the source was asked for (the label's)
  bool has_key = false;     // false: null
  bool has_value = false;   // false: null, a tombstone
  bool has_header = false;
  const void* message = nullptr;  // the source's own; only who knows the source can read it
};

// An owning list of records of one partition, in offset order.
//
// Invariants: (1) a view stays valid until clear() or destruction; (2) once it has grown to the size in use,
// appending allocates nothing. Move-only. One thread at a time.
class RecordBatch {
 public:
  using Release = void (*)(void* handle);

  RecordBatch() = default;
  RecordBatch(RecordBatch&& other) noexcept { swap(other); }
  RecordBatch& operator=(RecordBatch&& other) noexcept {
    RecordBatch(std::move(other)).swap(*this);
    return *this;
  }
  RecordBatch(const RecordBatch&) = delete;
  RecordBatch& operator=(const RecordBatch&) = delete;
  ~RecordBatch() { clear(); }

  // Adds a record whose memory lives until `release(handle)`; a null handle needs no release.
  void append(const RecordView& record, void* handle, Release release) { append(handle, release) = record; }
  // The same for a record that is filled in where it stands.
  RecordView& append(void* handle, Release release) {
    RecordView& record = records_.emplace_back();
    if (handle != nullptr) owned_.push_back({handle, release});
    return record;
  }

  void clear() noexcept {
    for (const Owned& owned : owned_) owned.release(owned.handle);
    owned_.clear();
    records_.clear();
  }

  [[nodiscard]] std::span<const RecordView> records() const noexcept { return records_; }
  [[nodiscard]] std::size_t size() const noexcept { return records_.size(); }
  [[nodiscard]] bool empty() const noexcept { return records_.empty(); }

  void swap(RecordBatch& other) noexcept {
    records_.swap(other.records_);
    owned_.swap(other.owned_);
  }

 private:
  struct Owned {
    void* handle;
    Release release;
  };
  std::vector<RecordView> records_;
  std::vector<Owned> owned_;
};

// What one pull says of its partition.
struct PullOutcome {
  std::size_t appended = 0;  // records added to the batch
  bool at_end = false;       // nothing more was in the log when the last answer came
  // The offset that comes after all that was pulled so far; at an end it may lie beyond the last record,
  // past control records of transactions. Meaningful when `appended > 0` or `at_end`.
  std::int64_t next_offset = 0;
  // What should come next is not in the log any more: nothing comes of this partition before `recover`. Only
  // of a source that is to go on without what is lost; another one throws DataLossError.
  bool lost = false;
};

// Where records come from: some partitions, each read in offset order from a start that was fixed before.
//
// Implementations: the Kafka consumer (host/kafka) and an in-memory log (tests/support).
// Invariants: (1) partitions are sorted and their indices never change; new ones are appended only by
// `discover`, whatever their names; (2) each record is handed out once; (3) no call but `wait` and, for a
// bounded time, `recover` blocks; (4) memory is bounded by the
// byte budget the source was made with, whatever the backlog.
// One thread calls everything, except `wake`, which any thread may call.
// Errors: DataLossError (a position outside the log), KafkaError.
class RecordSource {
 public:
  RecordSource() = default;
  RecordSource(const RecordSource&) = delete;
  RecordSource& operator=(const RecordSource&) = delete;
  virtual ~RecordSource() = default;

  [[nodiscard]] virtual std::span<const TopicPartition> partitions() const = 0;

  // Appends at most `max_records` of partition `index` to the batch: what has already arrived.
  virtual PullOutcome pull(std::size_t index, std::size_t max_records, RecordBatch& batch) = 0;

  // Partitions that were found since the last call, appended to partitions() in this order and read from now
  // on. Spans that partitions() gave before are void.
  virtual std::vector<PartitionStart> discover() { return {}; }

  // Goes on with partition `index`, of which `pull` said `lost`, where the log still holds something to read;
  // returns where that is: beyond the lost records, or before them in a log that was cut or made anew.
  virtual Position recover(std::size_t /*index*/) { throw std::logic_error("a source that loses nothing"); }

  // Returns when something may have arrived on any partition, after `wake`, or when the time is up.
  virtual void wait(std::chrono::milliseconds at_most) = 0;

  // Makes the current or the next `wait` return at once.
  virtual void wake() noexcept = 0;
};

}  // namespace millrace
