// Where bad records go besides being counted.
#pragma once

#include <cstdint>

#include "millrace/decoder.h"
#include "millrace/record.h"

namespace millrace {

// Takes bad records as windows are assembled, and says when they are safe.
//
// Implementations: a dead-letter topic (host/kafka) and lists in tests.
// Invariants: (1) what a record holds is copied before `take_async` returns; (2) records are numbered from 1
// in the order in which they were taken; (3) after `wait(n)` returned true, the first n survive the end of
// this process; (4) after `stop` nobody waits here any more, and what was not safe by then may never be. One
// thread takes, another one waits; any thread may stop.
class BadRecordSink {
 public:
  BadRecordSink() = default;
  BadRecordSink(const BadRecordSink&) = delete;
  BadRecordSink& operator=(const BadRecordSink&) = delete;
  virtual ~BadRecordSink() = default;

  // Every bad record but tombstones comes here once. `partition` is an index of the source, `outcome`
  // what its decoder said. Returns the record's number; blocks while too many are on their way. Throws where
  // one of them can never be safe.
  virtual std::uint64_t take_async(std::uint32_t partition, const RecordView& record,
                                   const DecodeOutcome& outcome) = 0;

  // Waits until all up to `number` are safe; false: it was stopped before. Throws where one never can be.
  [[nodiscard]] virtual bool wait(std::uint64_t number) = 0;

  virtual void stop() noexcept = 0;
};

}  // namespace millrace
