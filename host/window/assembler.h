// From records to windows: pulls records from a source in turns, has them decoded into slots, and hands full
// slots to the trainer.
//
// Owned by the trainer. A thread of its own works the source; a pool decodes. One thread, the trainer's,
// calls take, give_back and end; any thread may call request_stop (no signal handler may: it locks).
// Invariants:
//   1. Rows stand in windows as TurnPlan says: over records that are already in the log, windows depend on
//   log and
//      settings alone.
//   2. A window closes when it is full, or `window_limit` after its first record was taken. If the partition
//   whose
//      turn it is delivers nothing in that time, what has arrived on the others is still taken, in turn
//      order. An empty window never closes.
//   3. A slot holds at least one row or bad record. Windows with rows are numbered without gaps, from
//   first_window_index;
//      a slot with `rows == 0` only moves positions on (window_slot.h).
//   4. Partitions that the source finds are read from the next window on, in their place among the others, as
//      if they had been there before; under StopRule::When::end they are ignored. Where records were lost,
//      the window ends before reading goes on elsewhere.
//   5. Nothing is pulled that has no place in a slot: a slow trainer stops the source. Records are released
//   before
//      the source is waited for, so a window may be larger than what the source may hold; but those of many
//      rows that a turn cut off stay until the partition's next one, at most what one pull brought of each.
//   6. Nothing is allocated per record once running.
//   7. After take() returned null or threw, the source is not touched any more.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "millrace/bad_record_sink.h"
#include "millrace/decoder.h"
#include "millrace/engine.h"
#include "millrace/position.h"
#include "millrace/record.h"

#include "window/slot_ring.h"
#include "window/stop_rule.h"
#include "window/turn_plan.h"
#include "window/window_builder.h"
#include "window/window_slot.h"

namespace millrace {

struct AssemblerSettings {
  std::uint32_t window_rows = 0;              // at least 1
  std::chrono::milliseconds window_limit{0};  // from the first record of a window to its closing
  StopRule stop;
  std::vector<std::int64_t> ends;  // [partitions] for StopRule::When::end, else empty
  std::vector<Position> starts;    // [partitions] where the source begins
  unsigned decode_threads = 1;
  std::uint64_t first_window_index = 0;
  std::size_t slots = 0;  // more than the trainer holds while it calls take()
  RecordFingerprint (*fingerprint)(const RecordView&) = nullptr;
  BadRecordSink* bad_records =
      nullptr;  // outlives the assembler, which stops it; null: they are counted only
};

class Assembler {
 public:
  // Begins at once. `source` and `decoder` outlive the assembler; `allocate` is called here, once per slot.
  Assembler(RecordSource& source, const Decoder& decoder, const AssemblerSettings& settings,
            const std::function<HostBuffer(std::size_t)>& allocate);
  Assembler(const Assembler&) = delete;
  Assembler& operator=(const Assembler&) = delete;
  ~Assembler();

  // The next slot in order; waits for it. Null after the last one. Throws what went wrong on the way, after
  // the slots before it: KafkaError, DataLossError, or what the decoder threw.
  WindowSlot* take();

  // Whether take() would not wait.
  [[nodiscard]] bool ready() const { return ring_.ready(); }
  // Waits until take() would not; false: the deadline came first.
  [[nodiscard]] bool ready_by(std::chrono::steady_clock::time_point deadline) const {
    return ring_.ready_by(deadline);
  }

  // The trainer needs the slot no longer.
  void give_back(WindowSlot* slot) { ring_.give_back(slot); }

  // Any thread.
  [[nodiscard]] RingFill ring_fill() const { return ring_.fill(); }

  // After take() returned null.
  [[nodiscard]] const StreamEnd& end() const { return ring_.end(); }

  // Ends the stream now: take() returns null, and what was not taken is dropped.
  void request_stop() noexcept;

 private:
  using Clock = std::chrono::steady_clock;
  enum class Cut { full, time, loss, end, idle, records, stopped };
  struct PartitionState {
    std::int64_t next_offset = 0;   // after all that was pulled, and past control records
    std::int64_t stop_before = 0;   // no record from here on is taken
    bool at_end = false;            // an end was reported, and nothing came since
    std::uint32_t record_rows = 1;  // of the largest record that was taken last
    bool lost = false;              // the source has to recover it before more comes
    bool finished = false;          // nothing more will be taken
  };

  void run() noexcept;
  void assemble();
  Cut fill();
  [[nodiscard]] std::optional<Cut> cut_of_stream() const;
  std::optional<Cut> cut_by_time(Clock::time_point now);
  void wait_for_more(Clock::time_point now);
  void read_new_partitions();
  void recover(std::size_t partition);
  std::uint32_t take_from(std::size_t partition);
  void pull(std::size_t partition);
  void hand_over(WindowSlot* slot);
  [[nodiscard]] std::int64_t commit_offset(std::size_t partition) const;
  [[nodiscard]] std::vector<std::int64_t> commit_offsets() const;

  // Constant after construction.
  RecordSource& source_;
  const AssemblerSettings settings_;

  SlotRing ring_;                            // has its own lock
  std::atomic<bool> stop_requested_{false};  // set by request_stop, looked at before every pull

  // Owned by the assembling thread.
  TurnPlan turns_;
  WindowBuilder builder_;
  std::vector<PartitionState> partitions_;      // by index
  std::vector<std::size_t> order_;              // indices by topic and partition number: the order of turns
  std::vector<PartitionStart> new_partitions_;  // that no slot told of yet
  std::size_t unfinished_ = 0;                  // partitions
  std::uint64_t records_left_ = 0;              // of this run
  std::uint64_t next_index_ = 0;
  Clock::time_point deadline_;     // of the window being filled
  Clock::time_point last_record_;  // when one was last taken, less the time spent waiting for a free slot

  std::jthread thread_;  // last: it uses everything above
};

}  // namespace millrace
