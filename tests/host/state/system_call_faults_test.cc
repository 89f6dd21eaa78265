// A fault at every system call of checkpoint and journal writes, one after the other.
#include "host/state/system_call_faults.h"

#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <variant>
#include <vector>

#include "millrace/errors.h"

#include "host/state/sample_checkpoints.h"
#include "state/state_folder.h"
#include "support/temp_dir.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using support::TempDir;
using testing::ArmedFault;
using testing::CheckpointDraw;
using testing::Fault;

const std::vector<PartitionStart> kPartitions = {{{"rows", 0}, {0, 0}}};

Checkpoint checkpoint_after(std::uint64_t windows) {
  Checkpoint checkpoint = CheckpointDraw(windows + 1)({5, 8, 1});
  checkpoint.windows = windows;
  return checkpoint;
}

JournalWindow window_of(std::uint64_t index) {
  JournalWindow window;
  window.index = index;
  window.rows = 10;
  window.records = 10;
  window.ranges.push_back({.partition = 0, .records = 10, .rows = 10});
  return window;
}

// What a trainer that has seen two windows does next: two more, a checkpoint, a commit, one more. The folder
// holds a checkpoint of before, and two windows in the journal.
void prepare(const fs::path& folder) {
  StateFolder state = StateFolder::open(folder);
  state.set_keep(1);
  Checkpoint first = checkpoint_after(0);
  state.save(first, kPartitions);
  for (std::uint64_t index = 0; index < 2; ++index) state.journal().append(window_of(index));
}

enum class Told { nothing, two_windows, checkpoint, all };

void go_on(const fs::path& folder, const std::function<void(Told)>& tell) {
  StateFolder state = StateFolder::open(folder);
  state.set_keep(1);
  // As after a replay: windows 0 and 1 become a checkpoint, with a journal of its own.
  Checkpoint replayed = checkpoint_after(2);
  state.save(replayed, kPartitions);
  for (std::uint64_t index = 2; index < 4; ++index) state.journal().append(window_of(index));
  state.journal().sync();
  tell(Told::two_windows);
  Checkpoint next = checkpoint_after(4);
  state.save(next, kPartitions);
  tell(Told::checkpoint);  // what commits depend on
  state.journal().append(window_of(4));
  tell(Told::all);
}

// How many windows the folder knows of, checkpoint and journal together; fails where it holds anything but a
// state that go_on went through.
std::uint64_t windows_known(const fs::path& folder, const std::string& where) {
  StateFolder state = StateFolder::open(folder);
  for (const auto& entry : fs::directory_iterator(folder)) {
    EXPECT_FALSE(is_temporary_name(entry.path().filename().native())) << where;
  }
  const Checkpoint newest = state.newest().value();
  EXPECT_TRUE(state.fallbacks().empty()) << where;
  Checkpoint expected = checkpoint_after(newest.windows);
  EXPECT_EQ(state_digest(newest), state_digest(expected)) << where;
  std::uint64_t windows = newest.windows;
  const std::vector<JournalSegment> segments = state.journal_after(newest);
  EXPECT_LE(segments.size(), 1U) << where;
  for (const JournalSegment& segment : segments) {
    EXPECT_EQ(segment.header.trained_digest, trained_digest(newest)) << where;
    for (const JournalEntry& entry : segment.entries) {
      if (const auto* window = std::get_if<JournalWindow>(&entry)) {
        EXPECT_EQ(window->index, windows) << where;
        ++windows;
      }
    }
  }
  return windows;
}

std::uint64_t least_known(Told told) {
  switch (told) {
    case Told::nothing:
      return 2;
    case Told::two_windows:
    case Told::checkpoint:
      return 4;
    case Told::all:
      return 5;
  }
  return 0;
}

std::string name_of(const Fault& fault) {
  return "fault " + std::to_string(static_cast<int>(fault.kind)) + " at call " + std::to_string(fault.at);
}

std::size_t calls_of_a_whole_run() {
  const TempDir scratch;
  prepare(scratch.path());
  const ArmedFault count({});
  go_on(scratch.path(), [](Told) {});
  return count.calls();
}

// In a child, which tells how far it came.
Told go_on_until_killed(const fs::path& folder, const Fault& fault) {
  int ends[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const ArmedFault armed(fault);
    // Not by write(), which is counted.
    go_on(folder, [&](Told told) {
      const char letter = static_cast<char>(told);
      [[maybe_unused]] const ssize_t sent = ::send(ends[1], &letter, 1, 0);
    });
    ::_exit(0);
  }
  ::close(ends[1]);
  Told told = Told::nothing;
  for (char letter = 0; ::read(ends[0], &letter, 1) == 1;) told = static_cast<Told>(letter);
  ::close(ends[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << name_of(fault);
  return told;
}

TEST(SystemCallFaults, AKillAtAnyCallLeavesTheOldStateOrTheNewOne) {
  const std::size_t calls = calls_of_a_whole_run();
  ASSERT_GT(calls, 25U);
  for (const Fault::Kind kind : {Fault::Kind::kill_before, Fault::Kind::kill_after, Fault::Kind::tear}) {
    for (std::size_t at = 0; at < calls; ++at) {
      const Fault fault{kind, at};
      const TempDir scratch;
      prepare(scratch.path());
      const Told told = go_on_until_killed(scratch.path(), fault);
      ASSERT_GE(windows_known(scratch.path(), name_of(fault)), least_known(told)) << name_of(fault);
      go_on(scratch.path(), [](Told) {});  // and nothing that was left stops the next run
    }
  }
}

TEST(SystemCallFaults, AnErrorAtAnyCallIsThrownAndLeavesTheStateBefore) {
  const std::size_t calls = calls_of_a_whole_run();
  for (const Fault::Kind kind : {Fault::Kind::no_space, Fault::Kind::io_error}) {
    for (std::size_t at = 0; at < calls; ++at) {
      const Fault fault{kind, at};
      const TempDir scratch;
      prepare(scratch.path());
      Told told = Told::nothing;
      bool thrown = false;
      {
        const ArmedFault armed(fault);
        try {
          go_on(scratch.path(), [&](Told reached) { told = reached; });
        } catch (const StateError& error) {
          thrown = true;
          const auto expected =
              kind == Fault::Kind::no_space ? StateError::Kind::no_space : StateError::Kind::io;
          EXPECT_EQ(error.kind, expected) << name_of(fault);
        }
        ASSERT_TRUE(armed.happened());
      }
      // The lock's last truncation is a destructor's.
      ASSERT_TRUE(thrown || told == Told::all) << name_of(fault);
      ASSERT_GE(windows_known(scratch.path(), name_of(fault)), least_known(told)) << name_of(fault);
      go_on(scratch.path(), [](Told) {});
    }
  }
}

TEST(SystemCallFaults, AShortWriteIsGoneOnWith) {
  const std::size_t calls = calls_of_a_whole_run();
  for (std::size_t at = 0; at < calls; ++at) {
    const TempDir scratch;
    prepare(scratch.path());
    {
      const ArmedFault armed({Fault::Kind::short_write, at});
      go_on(scratch.path(), [](Told) {});
    }
    ASSERT_EQ(windows_known(scratch.path(), "short write at call " + std::to_string(at)), 5U);
  }
}

}  // namespace
}  // namespace millrace
