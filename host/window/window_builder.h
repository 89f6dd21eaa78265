// Puts records into a slot: gives each its place, has it decoded, and in the end lists what the window holds.
//
// Owned and used by the assembling thread. A window goes: open, then batch and place as often as records
// come, settle before a wait, close; or abandon.
#pragma once

#include <cstddef>
#include <cstdint>
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
  // More than this is never pulled at once: small enough to spread one window over the threads.
  static constexpr std::uint32_t kBatchRecords = 512;

  using Fingerprint = RecordFingerprint (*)(const RecordView&);

  // `starts` [partitions]: where the first ranges begin. `sink` gets the bad records; null: they are counted,
  // and that is all.
  WindowBuilder(const Decoder& decoder, unsigned threads, std::uint32_t window_rows, Fingerprint fingerprint,
                std::vector<Position> starts, BadRecordSink* sink = nullptr);

  // Between windows: one more partition, whose first range begins at `start`; `places` [partitions] says
  // where each now stands among all in the order of rows.
  void read_also(Position start, std::span<const std::uint32_t> places);
  // Between windows: the next range of the partition begins elsewhere.
  void move(std::uint32_t partition, Position next) { positions_[partition] = next; }

  void open(WindowSlot& slot);

  // An empty batch for the next pull; waits for the oldest one to be decoded if all are in use.
  [[nodiscard]] RecordBatch& batch();

  // `count` records of batch() from number `first` on, all of one partition, become the next rows. The rest
  // is let go.
  void place(std::uint32_t partition, std::size_t count, std::size_t first = 0);

  // Every record that was placed is decoded and released. Throws what the decoder threw.
  void settle();

  // Settles, and fills in the slot's rows, ranges and counts.
  void close();

  // Lets go of every record, whatever became of it.
  void abandon() noexcept;

 private:
  // Rows that one partition gave in a row: places [first_row, first_row + rows).
  struct Run {
    std::uint32_t partition = 0;
    std::uint32_t first_row = 0;
    std::uint32_t rows = 0;
    Position end;
    RecordFingerprint last_record;
  };
  struct PlacedBatch {
    RecordBatch records;
    std::uint32_t partition = 0;
    DecodeJob job;
  };

  void note_run(std::uint32_t partition, std::uint32_t rows, const RecordView& last);
  void note_timestamps(std::span<const RecordView> records);
  void note_bad(const PlacedBatch& placed);
  void settle_oldest();

  // Constant after construction.
  const std::uint32_t features_;
  const Fingerprint fingerprint_;
  BadRecordSink* const sink_;

  std::vector<Position> positions_;    // [partitions] where the next range begins
  std::vector<std::uint32_t> places_;  // [partitions] in the order of topics and partition numbers
  WindowSlot* slot_ = nullptr;
  std::vector<Run> runs_;                // of the open window
  std::vector<DecodeOutcome> outcomes_;  // [window_rows] of the open window
  std::vector<PlacedBatch> batches_;     // a circle; the placed ones are being decoded
  std::size_t oldest_ = 0;
  std::size_t placed_ = 0;

  DecodePool pool_;  // last: its threads use everything above
};

}  // namespace millrace
