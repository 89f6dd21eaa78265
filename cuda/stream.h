// Owners of streams and events. Their views are CUDA's own handles, cudaStream_t and cudaEvent_t: a function
// that enqueues takes the view and never keeps it.
//
// Invariants: (1) an owner always holds a handle until it is moved from; a moved-from owner may only be
// destroyed or assigned to; (2) streams do not synchronise with the default stream, which this project never
// uses; (3) destruction does not wait: who owns the memory that pending work uses waits first. The thread
// that makes an owner destroys it; handles may be used by one thread at a time. Errors: DeviceError.
#pragma once

#include <chrono>
#include <cuda_runtime_api.h>

namespace millrace::cuda {

class Event {
 public:
  enum class Timing { off, on };

  explicit Event(Timing timing = Timing::off);
  Event(Event&& other) noexcept;
  Event& operator=(Event&& other) noexcept;
  ~Event();

  [[nodiscard]] cudaEvent_t view() const { return event_; }

  // Blocks until all work before the last record is done. Synchronising: never inside a window.
  void wait() const;
  [[nodiscard]] bool done() const;

 private:
  cudaEvent_t event_ = nullptr;
};

class Stream {
 public:
  Stream();
  Stream(Stream&& other) noexcept;
  Stream& operator=(Stream&& other) noexcept;
  ~Stream();

  [[nodiscard]] cudaStream_t view() const { return stream_; }

  void record_async(const Event& event) const;
  // Work enqueued from here on starts after what `event` recorded last.
  void wait_for_async(const Event& event) const;
  // Blocks until the stream is empty. Synchronising: never inside a window.
  void synchronize() const;

 private:
  cudaStream_t stream_ = nullptr;
};

// Both events made with Timing::on, recorded and done.
std::chrono::duration<float, std::milli> elapsed(const Event& begin, const Event& end);

}  // namespace millrace::cuda
