#include "window/decode_pool.h"

namespace millrace {

DecodePool::DecodePool(const Decoder& decoder, unsigned threads) : decoder_(decoder) {
  threads_.reserve(threads);
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

DecodePool::~DecodePool() {
  const std::lock_guard lock(mutex_);
  closing_ = true;
  started_.notify_all();
}

bool DecodePool::worth_handing_over(std::span<const RecordView> records) const {
  if (decoder_.holds_many_rows()) return false;
  std::size_t bytes = 0;
  for (const RecordView& record : records) {
    bytes += record.value.size();
    if (bytes >= kWorthHandingOver) return true;
  }
  return false;
}

void DecodePool::start_async(DecodeJob& job) {
  job.error = nullptr;
  if (!worth_handing_over(job.records)) {
    decode(job);
    job.done = true;
    return;
  }
  job.next = nullptr;
  job.done = false;
  {
    const std::lock_guard lock(mutex_);
    (first_ == nullptr ? first_ : last_->next) = &job;
    last_ = &job;
  }
  started_.notify_one();
}

void DecodePool::wait(DecodeJob& job) {
  std::unique_lock lock(mutex_);
  finished_.wait(lock, [&] { return job.done; });
}

void DecodePool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    started_.wait(lock, [&] { return closing_ || first_ != nullptr; });
    if (closing_) return;
    DecodeJob& job = *first_;
    first_ = job.next;
    lock.unlock();
    decode(job);
    lock.lock();
    job.done = true;
    finished_.notify_one();
  }
}

void DecodePool::decode(DecodeJob& job) const noexcept {
  try {
    decoder_.decode(job.records, job.first_row, job.values, job.labels, job.outcomes);
  } catch (...) {
    job.error = std::current_exception();
  }
}

}  // namespace millrace
