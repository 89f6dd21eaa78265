#include "state/state_folder.h"

#include <chrono>
#include <csignal>
#include <cstring>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <poll.h>
#include <random>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <xxhash.h>

#include "millrace/errors.h"

#include "host/state/sample_checkpoints.h"
#include "state/checkpoint_format.h"
#include "support/temp_dir.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using support::TempDir;
using testing::bytes_of;
using testing::CheckpointDraw;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::write_bytes;

constexpr auto kPatience = std::chrono::seconds(60);

// A checkpoint that everybody can make who knows its count of windows.
Checkpoint checkpoint_after(std::uint64_t windows, std::uint32_t layer = 16) {
  Checkpoint checkpoint = CheckpointDraw(windows)({4, layer, 1});
  checkpoint.windows = windows;
  return checkpoint;
}

// Without the lock and the journal, which journal_test.cc looks at.
std::vector<std::string> files_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::string name = entry.path().filename().string();
    if (name != "lock" && !name.starts_with("journal-")) names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  return names;
}

void damage(const fs::path& file) {
  std::vector<char> bytes = bytes_of(file);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_bytes(file, bytes);
}

void save(StateFolder& folder, std::uint64_t windows) {
  Checkpoint checkpoint = checkpoint_after(windows);
  folder.save(checkpoint);
}

// A process of its own; killed when it goes out of scope, if not before.
class Child {
 public:
  explicit Child(const std::function<void()>& body) : id_(::fork()) {
    if (id_ != 0) return;
    try {
      body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "child: %s\n", error.what());
      ::_exit(1);
    }
    ::_exit(0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (id_ > 0) kill();
  }
  [[nodiscard]] pid_t id() const { return id_; }
  void kill() {
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
    id_ = -1;
  }

 private:
  pid_t id_;
};

TEST(StateFolder, IsMadeForItsOwnerAloneAndStartsEmpty) {
  const TempDir scratch;
  const fs::path path = scratch.path() / "deeper" / "state";
  StateFolder folder = StateFolder::open(path);
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
  EXPECT_EQ(fs::status(path / "lock").permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(folder.newest(), std::nullopt);
  EXPECT_TRUE(folder.fallbacks().empty());
  EXPECT_EQ(read_newest_checkpoint(path), std::nullopt);
}

TEST(StateFolder, TakesAPathThatEndsInASlash) {
  const TempDir scratch;
  StateFolder folder = StateFolder::open(scratch.path() / "state/");
  EXPECT_EQ(folder.path(), scratch.path() / "state");
  EXPECT_TRUE(fs::is_directory(scratch.path() / "state"));
}

TEST(StateFolder, GivesBackTheNewestAndNumbersOnAfterARestart) {
  const TempDir scratch;
  Checkpoint first = checkpoint_after(1);
  Checkpoint second = checkpoint_after(2);
  {
    StateFolder folder = StateFolder::open(scratch.path());
    EXPECT_EQ(folder.save(first).filename(), "checkpoint-0000000000.millrace");
  }
  StateFolder folder = StateFolder::open(scratch.path());
  EXPECT_EQ(folder.newest(), first);
  EXPECT_EQ(folder.save(second).filename(), "checkpoint-0000000001.millrace");
  EXPECT_EQ(second.sequence, 1U);
  EXPECT_EQ(folder.newest(), second);
  EXPECT_EQ(read_newest_checkpoint(scratch.path()), second);
}

TEST(StateFolder, KeepsTheNewestFew) {
  const TempDir scratch;
  StateFolder folder = StateFolder::open(scratch.path());
  folder.set_keep(2);
  for (std::uint64_t windows = 0; windows < 5; ++windows) save(folder, windows);
  EXPECT_THAT(files_in(scratch.path()),
              ElementsAre("checkpoint-0000000003.millrace", "checkpoint-0000000004.millrace"));
  folder.set_keep(0);
  save(folder, 5);
  EXPECT_THAT(files_in(scratch.path()), ElementsAre("checkpoint-0000000005.millrace"));
}

TEST(StateFolder, TouchesNoFileThatIsNotItsOwn) {
  const TempDir scratch;
  const std::vector<std::string> foreign = {"checkpoint-1.millrace", "checkpoint-00000000000.millrace",
                                            "checkpoint-000000000x.millrace",
                                            "checkpoint-0000000000.millrace.bak", "notes.txt"};
  for (const std::string& name : foreign) write_bytes(scratch.path() / name, {'x'});
  StateFolder folder = StateFolder::open(scratch.path());
  folder.set_keep(1);
  EXPECT_EQ(folder.newest(), std::nullopt);
  for (std::uint64_t windows = 0; windows < 3; ++windows) save(folder, windows);
  for (const std::string& name : foreign) EXPECT_TRUE(fs::exists(scratch.path() / name)) << name;
  EXPECT_EQ(list_checkpoints(scratch.path()).size(), 1U);
}

TEST(StateFolder, FallsBackToTheOneBeforeAndSaysSo) {
  const TempDir scratch;
  StateFolder folder = StateFolder::open(scratch.path());
  for (std::uint64_t windows = 0; windows < 3; ++windows) save(folder, windows);
  damage(scratch.path() / checkpoint_file_name(2));
  fs::resize_file(scratch.path() / checkpoint_file_name(1), 100);
  const auto newest = folder.newest();
  ASSERT_TRUE(newest.has_value());
  EXPECT_EQ(newest->windows, 0U);
  const auto sentences = ElementsAre(
      "checkpoint-0000000002.millrace is damaged: its checksum does not match its content. "
      "checkpoint-0000000000.millrace is used instead.",
      ::testing::MatchesRegex("checkpoint-0000000001.millrace is damaged: it has 100 bytes where it tells of "
                              "[0-9]+. checkpoint-0000000000.millrace is used instead."));
  EXPECT_THAT(folder.fallbacks(), sentences);
  std::vector<std::string> told;
  EXPECT_EQ(read_newest_checkpoint(scratch.path(), &told), newest);
  EXPECT_THAT(told, sentences);
}

TEST(StateFolder, GivesADamagedNumberNoSecondTimeAndDoesNotCountItAmongTheKept) {
  const TempDir scratch;
  StateFolder folder = StateFolder::open(scratch.path());
  for (std::uint64_t windows = 0; windows < 3; ++windows) save(folder, windows);
  damage(scratch.path() / checkpoint_file_name(2));
  (void)folder.newest();
  folder.set_keep(2);
  save(folder, 3);
  EXPECT_THAT(files_in(scratch.path()),
              ElementsAre("checkpoint-0000000001.millrace", "checkpoint-0000000002.millrace",
                          "checkpoint-0000000003.millrace"));
  save(folder, 4);
  EXPECT_THAT(files_in(scratch.path()),
              ElementsAre("checkpoint-0000000003.millrace", "checkpoint-0000000004.millrace"));
  EXPECT_EQ(folder.newest()->windows, 4U);
  EXPECT_TRUE(folder.fallbacks().empty());
}

TEST(StateFolder, NeverStartsAnewOverCheckpointsThatAreAllDamaged) {
  const TempDir scratch;
  StateFolder folder = StateFolder::open(scratch.path());
  for (std::uint64_t windows = 0; windows < 2; ++windows) save(folder, windows);
  damage(scratch.path() / checkpoint_file_name(0));
  damage(scratch.path() / checkpoint_file_name(1));
  const auto refuses = [&](const std::function<void()>& read) {
    try {
      read();
      FAIL() << "it went on";
    } catch (const StateError& error) {
      EXPECT_EQ(error.kind, StateError::Kind::damaged);
      EXPECT_EQ(error.path, scratch.path().string());
      EXPECT_THAT(error.detail, HasSubstr(checkpoint_file_name(0)));
      EXPECT_THAT(error.detail, HasSubstr(checkpoint_file_name(1)));
    }
  };
  refuses([&] { (void)folder.newest(); });
  refuses([&] { (void)read_newest_checkpoint(scratch.path()); });
}

TEST(StateFolder, DoesNotPassOverACheckpointOfANewerFormat) {
  const TempDir scratch;
  StateFolder folder = StateFolder::open(scratch.path());
  save(folder, 0);
  save(folder, 1);
  // A file as a later version would write it: the format's version raised, the checksum right.
  std::vector<std::byte> bytes = encode_checkpoint(checkpoint_after(1), "");
  const std::uint32_t version = kCheckpointFormatVersion + 1;
  std::memcpy(bytes.data() + 8, &version, sizeof version);
  std::vector<char> sealed(bytes.size());
  std::memcpy(sealed.data(), bytes.data(), bytes.size());
  const std::size_t end = sealed.size() - sizeof(XXH128_canonical_t);
  XXH128_canonical_t checksum;
  XXH128_canonicalFromHash(&checksum, XXH3_128bits(sealed.data(), end));
  std::memcpy(sealed.data() + end, &checksum, sizeof checksum);
  write_bytes(scratch.path() / checkpoint_file_name(1), sealed);
  try {
    (void)folder.newest();
    FAIL() << "it was passed over";
  } catch (const StateError& error) {
    EXPECT_EQ(error.kind, StateError::Kind::newer_version);
  }
}

TEST(StateFolder, SaysThatAFolderIsMissingOnlyWhenReading) {
  const TempDir scratch;
  try {
    (void)read_newest_checkpoint(scratch.path() / "none");
    FAIL();
  } catch (const StateError& error) {
    EXPECT_EQ(error.kind, StateError::Kind::missing);
  }
}

TEST(StateFolder, IsRefusedToASecondOwnerInTheSameProcess) {
  const TempDir scratch;
  std::optional<StateFolder> folder = StateFolder::open(scratch.path());
  EXPECT_THROW((void)StateFolder::open(scratch.path()), StateError);
  StateFolder moved = std::move(*folder);
  folder.reset();
  EXPECT_THROW((void)StateFolder::open(scratch.path()), StateError);
}

TEST(StateFolder, HeldByAnotherProcessIsRefusedNamingItUntilThatIsGone) {
  const TempDir scratch;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  Child holder([&] {
    const StateFolder folder = StateFolder::open(scratch.path());
    if (::write(ready[1], "x", 1) != 1) return;
    ::pause();
  });
  pollfd waiting{.fd = ready[0], .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&waiting, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())), 1);
  try {
    (void)StateFolder::open(scratch.path());
    FAIL() << "it was opened twice";
  } catch (const StateError& error) {
    EXPECT_EQ(error.kind, StateError::Kind::locked);
    EXPECT_EQ(error.path, scratch.path().string());
    EXPECT_THAT(error.detail, ::testing::MatchesRegex("process " + std::to_string(holder.id()) +
                                                      " on .*, since [0-9-]+ [0-9:]+ UTC"));
  }
  EXPECT_EQ(read_newest_checkpoint(scratch.path()), std::nullopt);  // readers need no lock
  holder.kill();
  EXPECT_NO_THROW((void)StateFolder::open(scratch.path()));
  ::close(ready[0]);
  ::close(ready[1]);
}

// The promise of the whole room: whenever a trainer is killed, and whoever reads meanwhile.
TEST(StateFolder, SurvivesAKillAtAnyInstantWithAReadableNewest) {
  constexpr std::uint32_t kLayer = 4000;  // large enough to be caught while it is written
  std::mt19937_64 random(1);
  const TempDir scratch;
  std::uint64_t before = 0;
  for (int round = 0; round < 25; ++round) {
    Child trainer([&] {
      StateFolder folder = StateFolder::open(scratch.path());
      const auto start = folder.newest();
      for (std::uint64_t windows = start ? start->windows + 1 : 1;; ++windows) {
        Checkpoint checkpoint = checkpoint_after(windows, kLayer);
        folder.save(checkpoint);
      }
    });
    // Reading beside it until it has saved something of its own, then a moment longer.
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    std::uint64_t seen = before;
    std::vector<std::string> fallbacks;
    while (seen == before && std::chrono::steady_clock::now() < deadline) {
      const auto newest = read_newest_checkpoint(scratch.path(), &fallbacks);
      ASSERT_TRUE(fallbacks.empty()) << fallbacks.front();
      if (newest) seen = newest->windows;
    }
    ASSERT_GT(seen, before) << "nothing was saved in time";
    const auto instant = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 20'000);
    while (std::chrono::steady_clock::now() < instant) {
      const auto newest = read_newest_checkpoint(scratch.path(), &fallbacks);
      ASSERT_TRUE(fallbacks.empty()) << fallbacks.front();
      ASSERT_TRUE(newest.has_value());
      ASSERT_GE(newest->windows, seen);
      seen = newest->windows;
    }
    trainer.kill();

    StateFolder folder = StateFolder::open(scratch.path());
    const auto newest = folder.newest();
    ASSERT_TRUE(newest.has_value());
    EXPECT_TRUE(folder.fallbacks().empty());
    ASSERT_GE(newest->windows, seen);
    EXPECT_EQ(state_digest(*newest), state_digest(checkpoint_after(newest->windows, kLayer)));
    EXPECT_EQ(files_in(scratch.path()).size(), list_checkpoints(scratch.path()).size())
        << "a temporary was left";
    before = newest->windows;
  }
}

TEST(StateFolder, RemovesTemporariesThatAKilledProcessLeft) {
  const TempDir scratch;
  write_bytes(scratch.path() / ".checkpoint-0000000007.millrace.aB3xYz.tmp", {'x'});
  const StateFolder folder = StateFolder::open(scratch.path());
  EXPECT_THAT(files_in(scratch.path()), ElementsAre());
}

}  // namespace
}  // namespace millrace
