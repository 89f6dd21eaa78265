// Faults of the system calls that files are written with, in this test program: linking it puts its own
// write, fsync, fdatasync, rename, unlink, mkostemps and ftruncate before those of the C library.
//
// One thread, which arms and disarms.
#pragma once

#include <cstddef>

namespace millrace::testing {

struct Fault {
  enum class Kind {
    none,
    kill_before,  // SIGKILL instead of the call
    kill_after,   // SIGKILL after it
    tear,         // half of a write, then SIGKILL; for other calls as kill_before
    no_space,     // ENOSPC
    io_error,     // EIO
    short_write,  // half of a write; other calls are made
  };
  Kind kind = Kind::none;
  std::size_t at = 0;  // of the calls while it is armed, from 0
};

// While it stands, calls are counted, and the fault happens to one of them.
class ArmedFault {
 public:
  explicit ArmedFault(const Fault& fault);
  ArmedFault(const ArmedFault&) = delete;
  ArmedFault& operator=(const ArmedFault&) = delete;
  ~ArmedFault();

  [[nodiscard]] std::size_t calls() const;
  [[nodiscard]] bool happened() const;
};

}  // namespace millrace::testing
