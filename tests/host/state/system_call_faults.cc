#include "host/state/system_call_faults.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <unistd.h>

namespace millrace::testing {
namespace {

bool armed = false;
Fault fault;
std::size_t calls_made = 0;

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  std::abort();
}

// What happens to this call.
Fault::Kind next() {
  if (!armed || calls_made++ != fault.at) return Fault::Kind::none;
  return fault.kind;
}

template <typename Call>
auto with_fault(const Call& call) {
  const Fault::Kind kind = next();
  using Result = decltype(call());
  switch (kind) {
    case Fault::Kind::kill_before:
    case Fault::Kind::tear:
      die();
    case Fault::Kind::no_space:
      errno = ENOSPC;
      return static_cast<Result>(-1);
    case Fault::Kind::io_error:
      errno = EIO;
      return static_cast<Result>(-1);
    default:
      break;
  }
  const Result result = call();
  if (kind == Fault::Kind::kill_after) die();
  return result;
}

}  // namespace

ArmedFault::ArmedFault(const Fault& planned) {
  fault = planned;
  calls_made = 0;
  armed = true;
}
ArmedFault::~ArmedFault() { armed = false; }
std::size_t ArmedFault::calls() const { return calls_made; }
bool ArmedFault::happened() const { return calls_made > fault.at; }

}  // namespace millrace::testing

using millrace::testing::Fault;

extern "C" {

ssize_t write(int file, const void* bytes, size_t count) {
  static const auto call = millrace::testing::real<ssize_t (*)(int, const void*, size_t)>("write");
  if (millrace::testing::armed && millrace::testing::calls_made == millrace::testing::fault.at && count > 1) {
    if (millrace::testing::fault.kind == Fault::Kind::short_write) {
      ++millrace::testing::calls_made;
      return call(file, bytes, count / 2);
    }
    if (millrace::testing::fault.kind == Fault::Kind::tear) {
      static_cast<void>(call(file, bytes, count / 2));
      millrace::testing::die();
    }
  }
  return millrace::testing::with_fault([&] { return call(file, bytes, count); });
}

int fsync(int file) {
  static const auto call = millrace::testing::real<int (*)(int)>("fsync");
  return millrace::testing::with_fault([&] { return call(file); });
}

int fdatasync(int file) {
  static const auto call = millrace::testing::real<int (*)(int)>("fdatasync");
  return millrace::testing::with_fault([&] { return call(file); });
}

int rename(const char* from, const char* to) noexcept {
  static const auto call = millrace::testing::real<int (*)(const char*, const char*)>("rename");
  return millrace::testing::with_fault([&] { return call(from, to); });
}

int unlink(const char* name) noexcept {
  static const auto call = millrace::testing::real<int (*)(const char*)>("unlink");
  return millrace::testing::with_fault([&] { return call(name); });
}

int mkostemps(char* name, int suffix, int flags) {
  static const auto call = millrace::testing::real<int (*)(char*, int, int)>("mkostemps");
  return millrace::testing::with_fault([&] { return call(name, suffix, flags); });
}

int ftruncate(int file, off_t length) noexcept {
  static const auto call = millrace::testing::real<int (*)(int, off_t)>("ftruncate");
  return millrace::testing::with_fault([&] { return call(file, length); });
}
}
