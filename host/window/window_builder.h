// Puts records into a slot: gives each its place, has it decoded, and in the end lists what the window holds.
//
// Owned and used by the assembling thread. A window goes: open, then batch, bring and place as often as
// records come, settle before a wait, close; or abandon. Records may hold more rows than the window has room
// for: what has no place yet stays, and is placed next in its partition, in this window or a later one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "millrace/bad_record_sink.h"
#include "millrace/decoder.h"
#include "millrace/position.h"
#include "millrace/record.h"

#include "window/decode_pool.h"
#include "window/window_slot.h"

namespace millrace {

class WindowBuilder {
 public:
  // More than this should not be pulled at once: small enough to spread one window over the threads.
  static constexpr std::uint32_t kBatchRecords = 512;
  static constexpr std::uint32_t kBatchRows = 4096;  // of records that hold many

  using Fingerprint = RecordFingerprint (*)(const RecordView&);

  // `starts` [partitions]: where the first ranges begin. `sink` gets the bad records; null: they are counted,
  // and that is all.
  WindowBuilder(const Decoder& decoder, unsigned threads, std::uint32_t window_rows, Fingerprint fingerprint,
                std::vector<Position> starts, BadRecordSink* sink = nullptr);

  // Between windows: one more partition, whose first range begins at `start`; `places` [partitions] says
  // where each now stands among all in the order of rows.
  void read_also(Position start, std::span<const std::uint32_t> places);
  // Between windows: the next range of the partition begins elsewhere, and what it has left is let go.
  void move(std::uint32_t partition, Position next);

  void open(WindowSlot& slot);

  // An empty batch for the next pull.
  [[nodiscard]] RecordBatch& batch() { return pulled_; }

  // `count` records of batch() from number `first` on are what comes next in the partition, of which nothing
  // is left; the other ones are let go. Where a record that was cut comes again, it goes on with the row that
  // is next; if it is not what it was and has no such row, it is passed over.
  void bring(std::uint32_t partition, std::size_t count, std::size_t first = 0);

  // Whether something of the partition was brought that has no place yet.
  [[nodiscard]] bool has_rest(std::uint32_t partition) const { return streams_[partition].has_rest(); }

  struct Placed {
    std::uint32_t rows = 0;     // places; a bad record takes one
    std::uint32_t records = 0;  // whose last row was among them
    std::uint32_t largest = 0;  // rows of the largest record among them
  };
  struct Limits {
    std::uint32_t rows = 0;                                             // places; the slot has room for them
    std::uint64_t records = std::numeric_limits<std::uint64_t>::max();  // to be finished
    Position before{.offset = std::numeric_limits<std::int64_t>::max()};
  };
  // Gives places to what was brought of the partition, up to the first of the limits. Waits for the oldest
  // batch to be decoded if all are in use.
  Placed place(std::uint32_t partition, const Limits& limits);

  // What comes next in the partition after all that was placed.
  [[nodiscard]] Position next(std::uint32_t partition) const { return streams_[partition].next; }

  // Every record that was placed is decoded and released. Throws what the decoder threw.
  void settle();

  // Settles, and fills in the slot's rows, ranges and counts.
  void close();

  // Lets go of every record, whatever became of it.
  void abandon() noexcept;

 private:
  // What was brought of one partition, and how far it was placed.
  struct Stream {
    Position next;
    RecordFingerprint last_record;  // that was placed
    RecordBatch batch;              // empty while it is being decoded
    bool decoding = false;
    std::size_t first = 0;          // of the batch's records, the one that has `next`
    std::size_t end = 0;            // those from here on are not wanted
    std::uint32_t rows = 0;         // of the first one; 0: nobody looked yet
    std::uint32_t passed_over = 0;  // records that nobody counted yet

    [[nodiscard]] bool has_rest() const { return first < end; }
  };
  // Rows that one partition gave in a row: places [first_row, first_row + rows).
  struct Run {
    std::uint32_t partition = 0;
    std::uint32_t first_row = 0;
    std::uint32_t rows = 0;
    std::uint32_t records = 0;
    Position begin;
    Position end;
    RecordFingerprint last_record;
  };
  struct PlacedBatch {
    RecordBatch records;
    std::uint32_t partition = 0;
    bool has_rest = false;  // goes back to its stream
    DecodeJob job;
  };

  Placed give_places(Stream& stream, std::span<const RecordView> records, const Limits& limits) const;
  void note_run(std::uint32_t partition, Position begin, const Placed& placed, const RecordView& last);
  void note_timestamps(std::span<const RecordView> records);
  void note_bad(const PlacedBatch& placed);
  void note_bad_record(std::uint32_t partition, const RecordView& record, const DecodeOutcome& outcome);
  void settle_oldest();

  // Constant after construction.
  const Decoder& decoder_;
  const Fingerprint fingerprint_;
  BadRecordSink* const sink_;

  std::vector<Stream> streams_;        // [partitions]
  std::vector<std::uint32_t> places_;  // [partitions] in the order of topics and partition numbers
  WindowSlot* slot_ = nullptr;
  std::vector<Run> runs_;                // of the open window
  std::vector<DecodeOutcome> outcomes_;  // [window_rows] of the open window
  RecordBatch pulled_;
  std::vector<PlacedBatch> batches_;  // a circle; the placed ones are being decoded
  std::size_t oldest_ = 0;
  std::size_t placed_ = 0;

  DecodePool pool_;  // last: its threads use everything above
};

}  // namespace millrace
