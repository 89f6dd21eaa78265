#include "cuda/stream.h"

#include <utility>

#include "cuda/check.h"

namespace millrace::cuda {

Event::Event(Timing timing) {
  MILLRACE_CUDA_CHECK(
      cudaEventCreateWithFlags(&event_, timing == Timing::on ? cudaEventDefault : cudaEventDisableTiming));
}

Event::Event(Event&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}

Event& Event::operator=(Event&& other) noexcept {
  std::swap(event_, other.event_);
  return *this;
}

Event::~Event() {
  if (event_ != nullptr) log_failed_release(cudaEventDestroy(event_), "cudaEventDestroy");
}

void Event::wait() const { MILLRACE_CUDA_CHECK(cudaEventSynchronize(event_)); }

bool Event::done() const {
  const cudaError_t result = cudaEventQuery(event_);
  if (result == cudaErrorNotReady) return false;
  cuda_check(result, "cudaEventQuery(event_)");
  return true;
}

Stream::Stream() { MILLRACE_CUDA_CHECK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }

Stream::Stream(Stream&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}

Stream& Stream::operator=(Stream&& other) noexcept {
  std::swap(stream_, other.stream_);
  return *this;
}

Stream::~Stream() {
  if (stream_ != nullptr) log_failed_release(cudaStreamDestroy(stream_), "cudaStreamDestroy");
}

void Stream::record_async(const Event& event) const {
  MILLRACE_CUDA_CHECK(cudaEventRecord(event.view(), stream_));
}

void Stream::wait_for_async(const Event& event) const {
  MILLRACE_CUDA_CHECK(cudaStreamWaitEvent(stream_, event.view(), 0));
}

void Stream::synchronize() const { MILLRACE_CUDA_CHECK(cudaStreamSynchronize(stream_)); }

std::chrono::duration<float, std::milli> elapsed(const Event& begin, const Event& end) {
  float milliseconds = 0;
  MILLRACE_CUDA_CHECK(cudaEventElapsedTime(&milliseconds, begin.view(), end.view()));
  return std::chrono::duration<float, std::milli>(milliseconds);
}

}  // namespace millrace::cuda
