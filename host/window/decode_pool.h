// The host threads that decode records into rows.
//
// Owned by the assembler's window builder. One thread starts jobs and waits for them; the pool's own threads
// do them, in the order in which they were started. Invariants: (1) threads meet once per job, never per row;
// (2) the pool holds no job but those that were started and not yet waited for, so whoever owns the jobs
// bounds the queue; (3) it allocates nothing after construction.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "millrace/decoder.h"
#include "millrace/record.h"

namespace millrace {

// Records and the rows that they become; see Decoder::decode. Stays where it is from start to wait.
struct DecodeJob {
  std::span<const RecordView> records;
  std::uint32_t first_row = 0;  // of the first record
  float* values = nullptr;
  float* labels = nullptr;
  std::span<DecodeOutcome> outcomes;

  // The pool's.
  DecodeJob* next = nullptr;
  bool done = true;
  std::exception_ptr error;  // what the decoder threw
};

class DecodePool {
 public:
  // Values of fewer bytes than this together are decoded by the thread that brings them, which has just had
  // them in its hands: waking another costs as much, and another core has to fetch them first. So are records
  // of many rows, however large: to count their rows that thread looked at all of them.
  static constexpr std::size_t kWorthHandingOver = 32 * 1024;

  DecodePool(const Decoder& decoder, unsigned threads);
  DecodePool(const DecodePool&) = delete;
  DecodePool& operator=(const DecodePool&) = delete;
  ~DecodePool();

  void start_async(DecodeJob& job);
  void wait(DecodeJob& job);  // returns when the job is done; it may hold an error

 private:
  [[nodiscard]] bool worth_handing_over(std::span<const RecordView> records) const;
  void work();
  void decode(DecodeJob& job) const noexcept;

  const Decoder& decoder_;

  std::mutex mutex_;
  std::condition_variable started_;
  std::condition_variable finished_;
  // Guarded by mutex_, as are `next` and `done` of every job that was started.
  DecodeJob* first_ = nullptr;
  DecodeJob* last_ = nullptr;
  bool closing_ = false;

  std::vector<std::jthread> threads_;  // last: they use everything above
};

}  // namespace millrace
