#include "app/stop_signals.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <poll.h>
#include <signal.h>
#include <string>
#include <string_view>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <system_error>
#include <unistd.h>

#include "millrace/errors.h"

#include "app/log_output.h"

namespace millrace {

namespace {

// How long an idle process may take to end in good order.
constexpr std::chrono::milliseconds kIdlePatience{1'000};
// How soon a process that became idle, or ceased to be, is seen.
constexpr std::chrono::milliseconds kLook{100};

// What a shell reports of a process that SIGINT ended.
constexpr int kInterrupted = 128 + SIGINT;

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

// Past the streams, which a thread may hold that hangs.
[[noreturn]] void leave(std::string_view sentence, ExitCode code) {
  // The cursor of a terminal stands behind the line of progress, and behind the ^C that it shows.
  const std::string line = (isatty(STDERR_FILENO) == 1 ? "\n" : "") + last_line(sentence, code);
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
  _exit(static_cast<int>(code));
}

[[noreturn]] void throw_system_error(const char* call) {
  throw std::system_error(errno, std::generic_category(), call);
}

}  // namespace

StopSignals::StopSignals(std::chrono::milliseconds deadline, const StopSentences& sentences)
    : deadline_(deadline), sentences_(sentences) {
  const sigset_t signals = stop_signals();
  // Threads inherit the mask, so the signals reach the watcher alone.
  if (pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0) throw_system_error("pthread_sigmask");
  events_ = signalfd(-1, &signals, SFD_CLOEXEC);
  if (events_ < 0) throw_system_error("signalfd");
  finish_ = eventfd(0, EFD_CLOEXEC);
  if (finish_ < 0) throw_system_error("eventfd");
  watcher_ = std::thread([this] { watch(); });
}

StopSignals::~StopSignals() {
  const std::uint64_t one = 1;
  if (write(finish_, &one, sizeof one) != sizeof one) std::perror("millrace: eventfd");
  watcher_.join();
  close(events_);
  close(finish_);
  // The signals stay blocked: one that is still pending must not end a process that has all but finished.
}

void StopSignals::end_if_due(Clock::time_point asked_at) const {
  const Clock::duration since = Clock::now() - asked_at;
  if (idle_ && since >= kIdlePatience) leave(sentences_.idle, ExitCode::done);
  if (since >= deadline_) leave(sentences_.late, sentences_.late_code);
}

void StopSignals::watch() {
  std::array<pollfd, 2> sources{{{events_, POLLIN, 0}, {finish_, POLLIN, 0}}};
  std::optional<Clock::time_point> asked_at;
  for (;;) {
    const int ready = poll(sources.data(), sources.size(), asked_at ? static_cast<int>(kLook.count()) : -1);
    if (ready < 0 && errno == EINTR) continue;
    if ((sources[1].revents & POLLIN) != 0) return;
    if (asked_at) end_if_due(*asked_at);
    if ((sources[0].revents & POLLIN) == 0) continue;
    signalfd_siginfo signal{};
    if (read(events_, &signal, sizeof signal) != sizeof signal) continue;
    if (asked_at && signal.ssi_signo == SIGINT) _exit(kInterrupted);
    if (!asked_at) asked_at = Clock::now();
    source_.request_stop();
  }
}

}  // namespace millrace
