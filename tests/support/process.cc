#include "support/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <linux/capability.h>
#include <mutex>
#include <poll.h>
#include <regex.h>
#include <sstream>
#include <stdexcept>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

namespace millrace::support {
namespace {

[[noreturn]] void throw_errno(const char* call) {
  throw std::system_error(errno, std::generic_category(), call);
}

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { close(); }

  [[nodiscard]] int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

struct Pipe {
  Descriptor read;
  Descriptor write;

  Pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("pipe2");
    read = Descriptor(ends[0]);
    write = Descriptor(ends[1]);
  }
};

// All that the child needs, made before the fork: after it, only async-signal-safe calls are allowed.
struct ChildPlan {
  std::vector<char*> arguments;
  std::vector<std::string> environment_lines;
  std::vector<char*> environment;
  std::string not_started;
  const Command& command;
  pid_t parent;

  explicit ChildPlan(const Command& what) : command(what), parent(getpid()) {
    for (const std::string& argument : what.arguments)
      arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string line = *entry;
      if (!what.environment.contains(line.substr(0, line.find('=')))) environment_lines.push_back(line);
    }
    for (const auto& [name, value] : what.environment) {
      std::string line = name;
      environment_lines.push_back(line.append("=").append(value));
    }
    for (std::string& line : environment_lines) environment.push_back(line.data());
    environment.push_back(nullptr);
    not_started = what.arguments.at(0) + ": cannot be started\n";
  }

  [[noreturn]] void become_program(int in, int out, int err) const {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    signal(SIGPIPE, SIG_DFL);
    if (command.file_size_limit_bytes) {
      signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{*command.file_size_limit_bytes, *command.file_size_limit_bytes};
      setrlimit(RLIMIT_FSIZE, &limit);
    }
    // Root's exec takes what the bounding set allows. Others have no such capability to lose.
    if (command.obeys_permissions) prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    if (command.working_directory.empty() || chdir(command.working_directory.c_str()) == 0) {
      execvpe(arguments[0], arguments.data(), environment.data());
    }
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, not_started.data(), not_started.size());
    _exit(127);
  }
};

// A POSIX extended regular expression. (std::regex does not compile without warnings under AddressSanitizer.)
class LinePattern {
 public:
  explicit LinePattern(const std::string& expression) {
    if (regcomp(&compiled_, expression.c_str(), REG_EXTENDED | REG_NOSUB) != 0) {
      throw std::invalid_argument("not a regular expression: " + expression);
    }
  }
  LinePattern(const LinePattern&) = delete;
  LinePattern& operator=(const LinePattern&) = delete;
  ~LinePattern() { regfree(&compiled_); }

  [[nodiscard]] bool is_in(const std::string& line) const {
    return regexec(&compiled_, line.c_str(), 0, nullptr, 0) == 0;
  }

 private:
  regex_t compiled_{};
};

// Appends what can be read now. False: the other side is closed for good.
bool drain(const Descriptor& from, std::string& to) {
  std::array<char, 65536> block{};
  while (true) {
    const ssize_t got = read(from.get(), block.data(), block.size());
    if (got > 0) {
      to.append(block.data(), static_cast<std::size_t>(got));
    } else if (got == 0) {
      return false;
    } else if (errno != EINTR) {
      return errno == EAGAIN;
    }
  }
}

void make_nonblocking(const Descriptor& fd) {
  fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

}  // namespace

class Process::State {
 public:
  explicit State(const Command& command) : input_(command.input) {
    Pipe in;
    Pipe out;
    Pipe err;
    stop_ = Descriptor(eventfd(0, EFD_CLOEXEC));
    if (stop_.get() < 0) throw_errno("eventfd");
    const ChildPlan plan(command);
    pid_ = fork();
    if (pid_ < 0) throw_errno("fork");
    if (pid_ == 0) plan.become_program(in.read.get(), out.write.get(), err.write.get());
    setpgid(pid_, pid_);  // the child does it too: whoever comes first
    exited_ = Descriptor(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    if (exited_.get() < 0) {
      const int error = errno;
      reap();
      throw std::system_error(error, std::generic_category(), "pidfd_open");
    }
    in_ = std::move(in.write);
    out_ = std::move(out.read);
    err_ = std::move(err.read);
    for (const Descriptor* end : {&in_, &out_, &err_}) make_nonblocking(*end);
    collector_ = std::thread([this] { collect(); });
  }

  State(const State&) = delete;
  State& operator=(const State&) = delete;

  ~State() {
    kill(-pid_, SIGKILL);
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(stop_.get(), &one, sizeof one);
    collector_.join();
    reap();
  }

  [[nodiscard]] pid_t pid() const { return pid_; }

  std::optional<std::string> wait_for_line(const std::string& expression, std::chrono::milliseconds at_most) {
    const LinePattern pattern(expression);
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    std::size_t out_seen = 0;
    std::size_t err_seen = 0;
    std::unique_lock lock(mutex_);
    while (true) {
      for (auto [text, seen] : {std::pair(&out_text_, &out_seen), std::pair(&err_text_, &err_seen)}) {
        for (std::size_t end = 0; (end = text->find('\n', *seen)) != std::string::npos; *seen = end + 1) {
          const std::string line = text->substr(*seen, end - *seen);
          if (pattern.is_in(line)) return line;
        }
      }
      if (ended_ || changed_.wait_until(lock, deadline) == std::cv_status::timeout) return std::nullopt;
    }
  }

  bool wait_for_end(std::chrono::milliseconds at_most) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, at_most, [this] { return ended_; });
  }

  [[nodiscard]] ProcessResult result() const {
    const std::lock_guard lock(mutex_);
    ProcessResult result;
    result.out = out_text_;
    result.err = err_text_;
    if (status_.si_code == CLD_EXITED) {
      result.exit_code = status_.si_status;
    } else {
      result.signal = status_.si_status;
    }
    return result;
  }

  [[nodiscard]] std::string out() const {
    const std::lock_guard lock(mutex_);
    return out_text_;
  }
  [[nodiscard]] std::string err() const {
    const std::lock_guard lock(mutex_);
    return err_text_;
  }

 private:
  // The program stays a zombie until here, so its number cannot become somebody else's.
  void reap() {
    kill(-pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  void feed() {
    while (input_sent_ < input_.size()) {
      const ssize_t sent = write(in_.get(), input_.data() + input_sent_, input_.size() - input_sent_);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno == EAGAIN) return;
      if (sent < 0) break;  // the program does not read on
      input_sent_ += static_cast<std::size_t>(sent);
    }
    in_.close();
  }

  // The collector's loop: moves bytes until the program has ended and its outputs are drained.
  void collect() {
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    bool gone = false;
    while (!gone) {
      // A closed descriptor is -1, which poll passes over.
      std::array<pollfd, 5> watched{{{exited_.get(), POLLIN, 0},
                                     {stop_.get(), POLLIN, 0},
                                     {out_.get(), POLLIN, 0},
                                     {err_.get(), POLLIN, 0},
                                     {in_.get(), POLLOUT, 0}}};
      if (poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) break;
      gone = watched[0].revents != 0 || watched[1].revents != 0;
      const std::lock_guard lock(mutex_);
      if (out_.get() >= 0 && !drain(out_, out_text_)) out_.close();
      if (err_.get() >= 0 && !drain(err_, err_text_)) err_.close();
      if (watched[4].revents != 0) feed();
      changed_.notify_all();
    }
    const std::lock_guard lock(mutex_);
    waitid(P_PID, static_cast<id_t>(pid_), &status_, WEXITED | WNOWAIT);
    ended_ = true;
    changed_.notify_all();
  }

  const std::string input_;
  pid_t pid_ = -1;
  Descriptor stop_;    // an event: do not wait for the program any longer
  Descriptor exited_;  // readable once the program has ended

  // The collector's alone.
  Descriptor in_;
  Descriptor out_;
  Descriptor err_;
  std::size_t input_sent_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string out_text_;   // guarded by mutex_
  std::string err_text_;   // guarded by mutex_
  siginfo_t status_{};     // guarded by mutex_
  bool ended_ = false;     // guarded by mutex_
  std::thread collector_;  // last: it uses all of the above
};

std::string ProcessResult::describe() const {
  std::ostringstream text;
  if (timed_out) {
    text << "killed at its deadline";
  } else if (signal != 0) {
    text << "ended by signal " << signal << " (" << strsignal(signal) << ")";
  } else {
    text << "exit code " << exit_code;
  }
  constexpr std::size_t kShown = 4000;
  for (const auto& [name, stream] : {std::pair("stdout", &out), std::pair("stderr", &err)}) {
    const std::size_t skipped = stream->size() - std::min(stream->size(), kShown);
    text << "\n--- " << name << (skipped > 0 ? " (its end)" : "") << "\n" << stream->substr(skipped);
  }
  return text.str();
}

Process::Process(const Command& command) : state_(std::make_unique<State>(command)) {}
Process::~Process() = default;

pid_t Process::pid() const { return state_->pid(); }

std::optional<std::string> Process::wait_for_line(const std::string& expression,
                                                  std::chrono::milliseconds at_most) {
  return state_->wait_for_line(expression, at_most);
}

void Process::send(int signal) { kill(state_->pid(), signal); }

bool Process::running() { return !state_->wait_for_end(std::chrono::milliseconds(0)); }

ProcessResult Process::wait(std::chrono::milliseconds at_most) {
  const bool in_time = state_->wait_for_end(at_most);
  if (!in_time) {
    kill(-state_->pid(), SIGKILL);
    // Only the kernel stands between a killed program and its end.
    state_->wait_for_end(std::chrono::seconds(10));
  }
  ProcessResult result = state_->result();
  result.timed_out = !in_time;
  return result;
}

std::string Process::out() const { return state_->out(); }
std::string Process::err() const { return state_->err(); }

ProcessResult run_process(const Command& command, std::chrono::milliseconds at_most) {
  return Process(command).wait(at_most);
}

}  // namespace millrace::support
