// A wake-up call between threads that can be waited for: an owner of an eventfd.
#pragma once

#include <chrono>
#include <cstdint>

namespace millrace {

// Any thread may signal; one thread waits. Signals that come while nobody waits end the next wait.
class EventFd {
 public:
  EventFd();
  EventFd(const EventFd&) = delete;
  EventFd& operator=(const EventFd&) = delete;
  ~EventFd();

  // What a write to `descriptor` must consist of.
  static constexpr std::uint64_t kSignal = 1;

  void signal() noexcept;
  // Returns after a signal, when the time is up, or when a signal handler ran.
  void wait(std::chrono::milliseconds at_most);

  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace millrace
