#include "window/slot_ring.h"

#include <utility>

namespace millrace {

SlotRing::SlotRing(std::vector<WindowSlot> slots, std::vector<std::int64_t> commit_offsets)
    : slots_(std::move(slots)), full_(slots_.size()), taken_commit_offsets_(std::move(commit_offsets)) {
  free_.reserve(slots_.size());
  for (WindowSlot& slot : slots_) free_.push_back(&slot);
}

WindowSlot* SlotRing::take_free() {
  std::unique_lock lock(mutex_);
  freed_.wait(lock, [&] { return stopped_ || !free_.empty(); });
  if (stopped_) return nullptr;
  WindowSlot* const slot = free_.back();
  free_.pop_back();
  return slot;
}

void SlotRing::hand_over(WindowSlot* slot) {
  {
    const std::lock_guard lock(mutex_);
    full_[(first_full_ + full_count_) % full_.size()] = slot;
    ++full_count_;
    rows_handed_over_ += slot->rows;
  }
  filled_.notify_one();
}

RingFill SlotRing::fill() const {
  const std::lock_guard lock(mutex_);
  return {.slots = slots_.size(), .full = full_count_, .rows = rows_handed_over_};
}

void SlotRing::close(StreamEnd end) {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    end_ = std::move(end);
  }
  filled_.notify_one();
}

void SlotRing::fail(std::exception_ptr failure) {
  {
    const std::lock_guard lock(mutex_);
    failure_ = std::move(failure);
  }
  filled_.notify_one();
}

void SlotRing::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  freed_.notify_one();
  filled_.notify_one();
}

bool SlotRing::something_to_take() const {
  return stopped_ || full_count_ > 0 || closed_ || failure_ != nullptr;
}

WindowSlot* SlotRing::take_full() {
  std::unique_lock lock(mutex_);
  filled_.wait(lock, [&] { return something_to_take(); });
  if (full_count_ > 0 && !stopped_) {
    WindowSlot* const slot = full_[first_full_];
    first_full_ = (first_full_ + 1) % full_.size();
    --full_count_;
    taken_commit_offsets_ = slot->commit_offsets;
    return slot;
  }
  if (failure_ != nullptr) std::rethrow_exception(failure_);
  const bool taken_to_the_end = closed_ && full_count_ == 0;
  if (!taken_to_the_end) {
    end_ = {.reason = StreamEnd::Reason::stopped, .commit_offsets = taken_commit_offsets_};
  }
  return nullptr;
}

void SlotRing::give_back(WindowSlot* slot) {
  {
    const std::lock_guard lock(mutex_);
    free_.push_back(slot);
  }
  freed_.notify_one();
}

bool SlotRing::ready() const {
  const std::lock_guard lock(mutex_);
  return something_to_take();
}

bool SlotRing::ready_by(std::chrono::steady_clock::time_point deadline) const {
  std::unique_lock lock(mutex_);
  return filled_.wait_until(lock, deadline, [&] { return something_to_take(); });
}

}  // namespace millrace
