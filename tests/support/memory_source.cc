#include "support/memory_source.h"

#include <algorithm>
#include <utility>

namespace millrace {

MemorySource::MemorySource(std::vector<TopicPartition> partitions)
    : partitions_(std::move(partitions)), logs_(partitions_.size()) {}

void MemorySource::deliver_at_random(std::uint64_t seed) {
  const std::lock_guard lock(mutex_);
  random_.emplace(seed);
}

void MemorySource::limit_outstanding(std::size_t records) {
  const std::lock_guard lock(mutex_);
  most_outstanding_ = records;
}

void MemorySource::start_at(std::size_t index, std::int64_t offset) {
  const std::lock_guard lock(mutex_);
  Log& log = logs_.at(index);
  log.next_offset = offset;
  while (log.next < log.entries.size() && log.entries[log.next].offset < offset) ++log.next;
}

std::int64_t MemorySource::append(std::size_t index, Record record) {
  const std::lock_guard lock(mutex_);
  Log& log = logs_.at(index);
  const std::int64_t offset = log.end++;
  log.entries.push_back({offset, std::move(record), this});
  something_new_ = true;
  changed_.notify_one();
  return offset;
}

void MemorySource::leave_gap(std::size_t index, std::int64_t offsets) {
  const std::lock_guard lock(mutex_);
  logs_.at(index).end += offsets;
  something_new_ = true;
  changed_.notify_one();
}

void MemorySource::replace(std::size_t index, std::int64_t offset, Record record) {
  const std::lock_guard lock(mutex_);
  std::ranges::find(logs_.at(index).entries, offset, &Entry::offset)->record = std::move(record);
}

void MemorySource::remove(std::size_t index, std::int64_t offset) {
  const std::lock_guard lock(mutex_);
  std::deque<Entry>& entries = logs_.at(index).entries;
  entries.erase(std::ranges::find(entries, offset, &Entry::offset));
}

void MemorySource::hold_back(std::size_t index, bool held) {
  const std::lock_guard lock(mutex_);
  logs_.at(index).held = held;
  something_new_ = true;
  changed_.notify_one();
}

std::size_t MemorySource::add_partition(TopicPartition partition) {
  const std::lock_guard lock(mutex_);
  logs_.emplace_back();
  found_.push_back(std::move(partition));
  something_new_ = true;
  changed_.notify_one();
  return logs_.size() - 1;
}

void MemorySource::delete_before(std::size_t index, std::int64_t next) {
  const std::lock_guard lock(mutex_);
  Log& log = logs_.at(index);
  log.begin = next;
  log.lost = log.next_offset < next;
  while (log.next < log.entries.size() && log.entries[log.next].offset < next) ++log.next;
  something_new_ = true;
  changed_.notify_one();
}

void MemorySource::make_anew(std::size_t index) {
  const std::lock_guard lock(mutex_);
  Log& log = logs_.at(index);
  log.next = log.entries.size();
  log.begin = 0;
  log.end = 0;
  log.lost = true;
  something_new_ = true;
  changed_.notify_one();
}

std::vector<PartitionStart> MemorySource::discover() {
  const std::lock_guard lock(mutex_);
  std::vector<PartitionStart> found;
  for (TopicPartition& partition : found_) {
    found.push_back({partition, {}});
    partitions_.push_back(std::move(partition));
  }
  found_.clear();
  return found;
}

Position MemorySource::recover(std::size_t index) {
  const std::lock_guard lock(mutex_);
  Log& log = logs_.at(index);
  log.lost = false;
  log.next_offset = log.begin;
  return {.offset = log.begin};
}

void MemorySource::fail(std::exception_ptr failure) {
  const std::lock_guard lock(mutex_);
  failure_ = std::move(failure);
  something_new_ = true;
  changed_.notify_one();
}

std::int64_t MemorySource::end_offset(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  return logs_.at(index).end;
}

std::size_t MemorySource::pulled() const {
  const std::lock_guard lock(mutex_);
  return pulled_;
}

std::size_t MemorySource::outstanding() const {
  const std::lock_guard lock(mutex_);
  return outstanding_;
}

void MemorySource::release(void* entry) {
  MemorySource& source = *static_cast<Entry*>(entry)->source;
  const std::lock_guard lock(source.mutex_);
  --source.outstanding_;
  source.something_new_ = true;
  source.changed_.notify_one();
}

// How many of the records that have arrived one pull gives.
std::size_t MemorySource::deliverable(std::size_t arrived, std::size_t max_records) {
  const std::size_t most = std::min({arrived, max_records, most_outstanding_ - outstanding_});
  if (!random_) return most;
  if ((*random_)() % 4 == 0) return 0;
  return std::uniform_int_distribution<std::size_t>(0, most)(*random_);
}

PullOutcome MemorySource::pull(std::size_t index, std::size_t max_records, RecordBatch& batch) {
  const std::lock_guard lock(mutex_);
  if (failure_ != nullptr) std::rethrow_exception(failure_);
  Log& log = logs_.at(index);
  if (log.held) return {};
  if (log.lost) return {.lost = true};
  const std::size_t count = deliverable(log.entries.size() - log.next, max_records);
  for (std::size_t i = 0; i < count; ++i) {
    Entry& entry = log.entries[log.next++];
    const Record& record = entry.record;
    batch.append({.offset = entry.offset,
                  .timestamp_ms = record.timestamp_ms,
                  .key = record.key ? *record.key : std::string_view{},
                  .value = record.value ? *record.value : std::string_view{},
                  .header = record.header ? *record.header : std::string_view{},
                  .has_key = record.key.has_value(),
                  .has_value = record.value.has_value(),
                  .has_header = record.header.has_value()},
                 &entry, &MemorySource::release);
    log.next_offset = entry.offset + 1;
  }
  pulled_ += count;
  outstanding_ += count;
  const bool end_is_told = !random_ || (*random_)() % 2 == 0;
  const bool at_end = log.next == log.entries.size() && end_is_told;
  if (at_end) log.next_offset = std::max(log.next_offset, log.end);
  return {.appended = count, .at_end = at_end, .next_offset = log.next_offset};
}

void MemorySource::wait(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  if (random_ && (*random_)() % 16 != 0) return;  // "something may have arrived"
  // What is delivered at random may come without anything new in the log.
  if (random_) at_most = std::min(at_most, std::chrono::milliseconds(1));
  changed_.wait_for(lock, at_most, [&] { return something_new_; });
  something_new_ = false;
}

void MemorySource::wake() noexcept {
  const std::lock_guard lock(mutex_);
  something_new_ = true;
  changed_.notify_one();
}

}  // namespace millrace
