// Faults of the system while a checkpoint is written: real ones, that stop root as well as anybody else.

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <poll.h>
#include <span>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "millrace/errors.h"

#include "host/state/sample_checkpoints.h"
#include "state/durable_file.h"
#include "state/state_folder.h"
#include "support/temp_dir.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using support::TempDir;
using testing::CheckpointDraw;

std::optional<StateError::Kind> kind_of(const std::function<void()>& action) {
  try {
    action();
    return std::nullopt;
  } catch (const StateError& error) {
    return error.kind;
  }
}

std::size_t entries_in(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

// While it stands, no file grows beyond `bytes`: a write is short first and fails then.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limited{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limited);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, SIG_DFL);
  }

 private:
  rlimit before_{};
};

TEST(WriteFaults, NoSpaceLeavesTheCheckpointsBeforeAndNoTemporary) {
  const TempDir scratch;
  StateFolder folder = StateFolder::open(scratch.path());
  CheckpointDraw draw(1);
  Checkpoint first = draw({9, 64, 1});
  folder.save(first);
  const std::size_t entries = entries_in(scratch.path());
  for (const rlim_t room : std::initializer_list<rlim_t>{0, 1, 31, 1000, 4096, 8191}) {
    Checkpoint second = draw({9, 64, 1});
    const FileSizeLimit limit(room);
    EXPECT_EQ(kind_of([&] { folder.save(second); }), StateError::Kind::no_space) << room;
    EXPECT_EQ(entries_in(scratch.path()), entries) << room;
    EXPECT_EQ(folder.newest(), first);
  }
  Checkpoint third = draw({9, 64, 1});
  folder.save(third);
  EXPECT_EQ(third.sequence, 1U) << "the number of the failed ones was free";
  EXPECT_EQ(folder.newest(), third);
}

TEST(WriteFaults, AFolderOnAFullDiskCannotBeOpened) {
  const TempDir scratch;
  const FileSizeLimit limit(0);
  EXPECT_EQ(kind_of([&] { (void)StateFolder::open(scratch.path() / "state"); }), StateError::Kind::no_space);
}

TEST(WriteFaults, AFullDeviceIsNoSpace) {
  const FileDescriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full.valid());
  const std::vector<std::byte> bytes(1000);
  EXPECT_EQ(kind_of([&] { write_all(full, bytes, "/dev/full"); }), StateError::Kind::no_space);
}

TEST(WriteFaults, AFolderThatNobodyMayWriteInIsSaidToBeSo) {
  // The kernel's own folders take no files, from root neither.
  EXPECT_EQ(kind_of([] { (void)StateFolder::open("/sys/kernel"); }), StateError::Kind::not_writable);
  EXPECT_EQ(kind_of([] { (void)StateFolder::open("/sys/kernel/state"); }), StateError::Kind::not_writable);
  EXPECT_EQ(kind_of([] {
              write_checkpoint("/sys/kernel/c", CheckpointDraw(1)({2, 1}));
            }),
            StateError::Kind::not_writable);
}

// In a process of its own, which gives up root's rights first where it has them.
TEST(WriteFaults, AFolderThatBecameReadOnlyKeepsItsCheckpoints) {
  const TempDir scratch;
  const fs::path path = scratch.path() / "state";
  constexpr uid_t kNobody = 65534;
  if (::geteuid() == 0) {
    ASSERT_EQ(::chmod(scratch.path().c_str(), 0777), 0);
  }
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) ::_exit(2);
    StateFolder folder = StateFolder::open(path);
    CheckpointDraw draw(1);
    Checkpoint first = draw({9, 8, 1});
    Checkpoint second = draw({9, 8, 1});
    folder.save(first);
    ::chmod(path.c_str(), 0500);
    if (kind_of([&] { folder.save(second); }) != StateError::Kind::not_writable) ::_exit(3);
    if (folder.newest() != first) ::_exit(4);
    const auto reopened = kind_of([&] { (void)StateFolder::open(path); });
    if (reopened != StateError::Kind::not_writable) ::_exit(5);
    ::chmod(path.c_str(), 0700);
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(WriteFaults, AFileWhereTheFolderShouldBeIsAnError) {
  const TempDir scratch;
  testing::write_bytes(scratch.path() / "state", {'x'});
  EXPECT_EQ(kind_of([&] { (void)StateFolder::open(scratch.path() / "state"); }), StateError::Kind::io);
  EXPECT_EQ(kind_of([&] { (void)StateFolder::open(scratch.path() / "state" / "deeper"); }),
            StateError::Kind::io);
}

TEST(WriteFaults, ANameThatCannotBeRenamedToLeavesNoTemporary) {
  const TempDir scratch;
  fs::create_directories(scratch.path() / "c" / "full");
  EXPECT_EQ(kind_of([&] {
              write_checkpoint(scratch.path() / "c", CheckpointDraw(1)({2, 1}));
            }),
            StateError::Kind::io);
  EXPECT_EQ(entries_in(scratch.path()), 1U);
}

TEST(WriteFaults, AMissingFolderIsMissing) {
  const TempDir scratch;
  EXPECT_EQ(kind_of([&] {
              write_checkpoint(scratch.path() / "none" / "c", CheckpointDraw(1)({2, 1}));
            }),
            StateError::Kind::missing);
}

// A pipe takes what fits and is interrupted by signals, as no regular file is.
TEST(WriteFaults, ShortWritesAndInterruptionsLoseNothing) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  static std::atomic<int> interruptions;
  interruptions = 0;
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) { ++interruptions; };
  ASSERT_EQ(::sigaction(SIGALRM, &action, &before), 0);

  std::vector<std::byte> sent(4 << 20);
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<std::byte>(i * 2654435761U >> 13);
  std::vector<std::byte> received;
  std::thread reader([&] {
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    ::pthread_sigmask(SIG_BLOCK, &alarm, nullptr);
    std::vector<std::byte> some(10'000);
    // Leaves the writer stuck in a full pipe until it was interrupted, over and over.
    for (ssize_t count = 1; count > 0;) {
      const int seen = interruptions;
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
      while (received.size() < 500'000 && interruptions == seen &&
             std::chrono::steady_clock::now() < deadline) {
      }
      count = ::read(ends[0], some.data(), some.size());
      if (count > 0) received.insert(received.end(), some.begin(), some.begin() + count);
    }
  });
  const itimerval every_millisecond{.it_interval = {0, 1000}, .it_value = {0, 1000}};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &every_millisecond, nullptr), 0);
  {
    const FileDescriptor writer(ends[1]);
    write_all(writer, sent, "pipe");
  }
  const itimerval never{};
  ::setitimer(ITIMER_REAL, &never, nullptr);
  reader.join();
  ::sigaction(SIGALRM, &before, nullptr);
  ::close(ends[0]);
  EXPECT_GT(interruptions.load(), 0);
  EXPECT_TRUE(received == sent);
}

TEST(WriteFaults, EveryErrorNumberHasItsKind) {
  using Kind = StateError::Kind;
  const auto kind = [](int number) { return state_error("f", "writing", number).kind; };
  for (const int number : {ENOSPC, EDQUOT, EFBIG}) EXPECT_EQ(kind(number), Kind::no_space);
  for (const int number : {EACCES, EPERM, EROFS}) EXPECT_EQ(kind(number), Kind::not_writable);
  EXPECT_EQ(kind(ENOENT), Kind::missing);
  for (const int number : {EIO, ENOTDIR, EMFILE, ELOOP}) EXPECT_EQ(kind(number), Kind::io);
  EXPECT_EQ(state_error("f", "writing", EIO).detail, "writing: Input/output error");
}

}  // namespace
}  // namespace millrace
