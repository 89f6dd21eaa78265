// Runs other programs from tests: with arguments, environment, input and a deadline, and never leaves one
// behind.
//
// A Process owns one program and everything that the program starts (its process group). Both outputs are
// collected by a thread of the Process from the first byte on, so a program never blocks on a full pipe.
//
// Invariants: (1) when a Process is gone, so is its process group; (2) when the test program dies, even by
// SIGKILL, so does the program; (3) no call waits longer than the deadline it was given. One thread calls
// everything. Errors: std::system_error when the program cannot be started for want of resources; a program
// that does not exist exits with 127.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace millrace::support {

struct Command {
  std::vector<std::string> arguments = {};              // the program first, looked up in PATH
  std::map<std::string, std::string> environment = {};  // on top of that of the test
  std::string input = {};                               // for standard input
  std::string working_directory = {};                   // empty: that of the test
  // No file may grow beyond this: a write that would fails with EFBIG, as on a full file system.
  std::optional<std::uint64_t> file_size_limit_bytes = {};
  // File permissions bind the program even when the test runs as root.
  bool obeys_permissions = false;
};

struct ProcessResult {
  int exit_code = -1;      // -1: ended by a signal
  int signal = 0;          // that ended it; 0: it exited
  bool timed_out = false;  // the deadline passed, so it was killed
  std::string out;
  std::string err;

  // Everything, for the message of a failed test.
  [[nodiscard]] std::string describe() const;
};

class Process {
 public:
  explicit Process(const Command& command);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  [[nodiscard]] pid_t pid() const;

  // Waits until a line of either output matches the POSIX extended regular expression (a part of the line is
  // enough) and returns that line; nothing when the program ends before or the time is up. Lines already
  // printed count.
  [[nodiscard]] std::optional<std::string> wait_for_line(const std::string& expression,
                                                         std::chrono::milliseconds at_most);

  // To the program alone; nothing happens when it has ended.
  void send(int signal);

  [[nodiscard]] bool running();

  // Waits for the end; kills the group when the time is up. Then the outputs are complete.
  ProcessResult wait(std::chrono::milliseconds at_most);

  // What was printed so far.
  [[nodiscard]] std::string out() const;
  [[nodiscard]] std::string err() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

// Runs the command to its end.
ProcessResult run_process(const Command& command, std::chrono::milliseconds at_most);

}  // namespace millrace::support
