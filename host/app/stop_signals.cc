#include "app/stop_signals.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <system_error>
#include <unistd.h>

#include "millrace/errors.h"

namespace millrace {

namespace {

// What a shell reports of a process that SIGINT ended.
constexpr int kInterrupted = 128 + SIGINT;

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

[[noreturn]] void throw_system_error(const char* call) {
  throw std::system_error(errno, std::generic_category(), call);
}

}  // namespace

StopSignals::StopSignals(std::chrono::milliseconds deadline) : deadline_(deadline) {
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

void StopSignals::watch() {
  std::array<pollfd, 2> sources{{{events_, POLLIN, 0}, {finish_, POLLIN, 0}}};
  bool asked = false;
  for (;;) {
    const int ready = poll(sources.data(), sources.size(), asked ? static_cast<int>(deadline_.count()) : -1);
    if (ready < 0 && errno == EINTR) continue;
    if ((sources[1].revents & POLLIN) != 0) return;
    if (asked && ready == 0) {
      static constexpr char kOverdue[] =
          "millrace: stopping took longer than its deadline; the newest checkpoint is complete, start again "
          "with the same command.\n";
      if (write(STDERR_FILENO, kOverdue, sizeof kOverdue - 1) < 0)
        _exit(static_cast<int>(ExitCode::unexpected));
      _exit(static_cast<int>(ExitCode::unexpected));
    }
    signalfd_siginfo signal{};
    if (read(events_, &signal, sizeof signal) != sizeof signal) continue;
    if (asked && signal.ssi_signo == SIGINT) _exit(kInterrupted);
    asked = true;
    source_.request_stop();
  }
}

}  // namespace millrace
