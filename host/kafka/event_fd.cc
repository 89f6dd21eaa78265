#include "kafka/event_fd.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <poll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>

namespace millrace {

EventFd::EventFd() : descriptor_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

EventFd::~EventFd() { close(descriptor_); }

void EventFd::signal() noexcept {
  // It fails only when the counter is full: then the descriptor is readable already.
  [[maybe_unused]] const ssize_t written = write(descriptor_, &kSignal, sizeof kSignal);
}

void EventFd::wait(std::chrono::milliseconds at_most) {
  const auto patience = std::clamp<std::int64_t>(at_most.count(), 0, std::numeric_limits<int>::max());
  pollfd readable{descriptor_, POLLIN, 0};
  if (poll(&readable, 1, static_cast<int>(patience)) <= 0) return;
  std::uint64_t signals = 0;
  [[maybe_unused]] const ssize_t taken = read(descriptor_, &signals, sizeof signals);
}

}  // namespace millrace
