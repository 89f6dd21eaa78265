// The slots of windows, going round between the assembler, which fills them, and the trainer, which empties
// them.
//
// Owned by the assembler. Two threads use it, one on each side; stop() may be called by any.
// Invariants: (1) windows are taken in the order in which they were handed over; (2) a slot is on one side or
// in between, never on both; (3) after stop() nobody waits here any more; (4) a failure is thrown to the
// trainer after the windows before it. Locks once per window.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <vector>

#include "window/stop_rule.h"
#include "window/window_slot.h"

namespace millrace {

// How full a ring is.
struct RingFill {
  std::size_t slots = 0;
  std::size_t full = 0;    // handed over and not yet taken
  std::uint64_t rows = 0;  // good ones of all windows handed over so far
};

class SlotRing {
 public:
  // `commit_offsets` [partitions] hold before any window is trained.
  SlotRing(std::vector<WindowSlot> slots, std::vector<std::int64_t> commit_offsets);

  // The assembler's side.
  WindowSlot* take_free();           // waits; null once stopped
  void hand_over(WindowSlot* slot);  // the next window
  void close(StreamEnd end);         // no more windows
  void fail(std::exception_ptr failure);

  // The trainer's side.
  WindowSlot* take_full();           // waits; null after the last window, or once stopped; throws a failure
  void give_back(WindowSlot* slot);  // also for a free slot that was not used
  [[nodiscard]] bool ready() const;  // take_full() would not wait
  // Waits until take_full() would not; false: the deadline came first.
  [[nodiscard]] bool ready_by(std::chrono::steady_clock::time_point deadline) const;
  // After take_full() returned null.
  [[nodiscard]] const StreamEnd& end() const { return end_; }

  // Any thread.
  [[nodiscard]] RingFill fill() const;

  void stop() noexcept;

 private:
  [[nodiscard]] bool something_to_take() const;

  std::vector<WindowSlot> slots_;

  mutable std::mutex mutex_;
  std::condition_variable freed_;
  mutable std::condition_variable filled_;
  // Guarded by mutex_.
  std::vector<WindowSlot*> free_;
  std::vector<WindowSlot*> full_;  // [slots] a circle
  std::size_t first_full_ = 0;
  std::size_t full_count_ = 0;
  std::uint64_t rows_handed_over_ = 0;
  bool stopped_ = false;
  bool closed_ = false;
  std::exception_ptr failure_;
  std::vector<std::int64_t> taken_commit_offsets_;  // of the last window taken
  StreamEnd end_;  // written before closed_ or stopped_ is seen, constant from then on
};

}  // namespace millrace
