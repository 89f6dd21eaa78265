// Preloaded into a program, sets its clock: what it takes for the time of day is off by as many seconds as
// the file that CLOCK_SHIFT_FILE names holds (an int64, read anew each time). The monotonic clock runs
// on, as where somebody sets a machine's clock; and a wait until a time of day ends by the new clock, as it
// does in the kernel.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <unistd.h>

namespace {

constexpr std::int64_t kNanoseconds = 1'000'000'000;
constexpr std::int64_t kLook = 20'000'000;  // how soon a waiting thread sees that the clock was set

const std::int64_t* shared_shift() {
  static const std::int64_t* const shift = []() -> const std::int64_t* {
    const char* const name = std::getenv("CLOCK_SHIFT_FILE");
    const int fd = name != nullptr ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) std::abort();
    void* const memory = mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (memory == MAP_FAILED) std::abort();
    return static_cast<const std::int64_t*>(memory);
  }();
  return shift;
}

std::int64_t shift_s() { return __atomic_load_n(shared_shift(), __ATOMIC_RELAXED); }

bool is_time_of_day(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

std::int64_t in_ns(const timespec& time) { return time.tv_sec * kNanoseconds + time.tv_nsec; }

std::int64_t true_ns() {
  timespec now{};
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
  return in_ns(now);
}

timespec as_timespec(std::int64_t ns) { return {ns / kNanoseconds, ns % kNanoseconds}; }

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const long result = syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && is_time_of_day(clock)) time->tv_sec += shift_s();
  return static_cast<int>(result);
}

int gettimeofday(timeval* time, void* /*zone*/) noexcept {
  const timespec now = as_timespec(true_ns());
  time->tv_sec = now.tv_sec + shift_s();
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* out) noexcept {
  const time_t now = true_ns() / kNanoseconds + shift_s();
  if (out != nullptr) *out = now;
  return now;
}

int timespec_get(timespec* time, int base) noexcept {
  if (base != TIME_UTC) return 0;
  clock_gettime(CLOCK_REALTIME, time);
  return base;
}

int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* until) {
  static const auto wait =
      reinterpret_cast<int (*)(cnd_t*, mtx_t*, const timespec*)>(dlsym(RTLD_NEXT, "cnd_timedwait"));
  for (;;) {
    const std::int64_t now = true_ns();
    const std::int64_t left = in_ns(*until) - (now + shift_s() * kNanoseconds);
    const timespec slice = as_timespec(now + std::clamp<std::int64_t>(left, 0, kLook));
    const int result = wait(condition, mutex, &slice);
    if (result != thrd_timedout || left <= kLook) return result;
  }
}

}  // extern "C"
