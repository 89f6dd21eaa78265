// Damage drawn at random: whatever a disk did to a state folder, nothing wrong is loaded, and what is missing
// is named. MILLRACE_DAMAGES says how often (10,000 in the slow tests).
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <random>
#include <string>
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
using testing::bytes_of;
using testing::CheckpointDraw;
using testing::write_bytes;

constexpr std::uint64_t kCheckpoints = 3;
constexpr std::uint64_t kWindowsBetween = 3;

int damages_wanted() {
  const char* const text = std::getenv("MILLRACE_DAMAGES");
  return text != nullptr ? std::atoi(text) : 600;
}

JournalWindow window_of(std::uint64_t index) {
  JournalWindow window;
  window.index = index;
  window.rows = 10;
  window.rows_digest = index * 977;
  window.ranges.push_back({.partition = 0, .begin = {10, 0}, .end = {20, 0}, .records = 10, .rows = 10});
  return window;
}

// Checkpoints with three windows in the journal after each; returns the digests of the checkpoints.
std::vector<std::uint64_t> make_state(const fs::path& folder) {
  StateFolder state = StateFolder::open(folder);
  const std::vector<PartitionStart> partitions = {{{"rows", 0}, {10, 0}}};
  std::vector<std::uint64_t> digests;
  for (std::uint64_t number = 0; number < kCheckpoints; ++number) {
    Checkpoint checkpoint = CheckpointDraw(number + 1)({3, 4, 1});
    checkpoint.windows = number * kWindowsBetween;
    state.save(checkpoint, partitions);
    digests.push_back(state_digest(checkpoint));
    for (std::uint64_t i = 0; i < kWindowsBetween; ++i) {
      state.journal().append(window_of(number * kWindowsBetween + i));
    }
  }
  return digests;
}

// Flips a bit, cuts the file off, or makes its end zero. Says what it did.
std::string damage(std::vector<char>& bytes, std::mt19937_64& random) {
  const std::size_t at = random() % bytes.size();
  switch (random() % 3) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
      return "a bit flipped in byte " + std::to_string(at);
    case 1:
      bytes.resize(at);
      return "cut off at " + std::to_string(at);
    default: {
      const bool changes = std::any_of(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end(),
                                       [](char byte) { return byte != 0; });
      std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end(), '\0');
      return changes ? "zeros from byte " + std::to_string(at) : "";
    }
  }
}

TEST(Damage, IsNeverLoadedSilently) {
  const TempDir scratch;
  const fs::path folder = scratch.path() / "state";
  const std::vector<std::uint64_t> digests = make_state(folder);
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".millrace") files.push_back(entry.path());
  }
  ASSERT_EQ(files.size(), 2 * kCheckpoints);
  std::mt19937_64 random(1);
  for (int i = 0; i < damages_wanted(); ++i) {
    const fs::path file = files[random() % files.size()];
    const std::vector<char> before = bytes_of(file);
    std::vector<char> bytes = before;
    const std::string what = damage(bytes, random);
    if (what.empty()) continue;
    write_bytes(file, bytes);
    SCOPED_TRACE(file.filename().string() + ": " + what);

    StateFolder state = StateFolder::open(folder);
    const Checkpoint newest = state.newest().value();
    ASSERT_EQ(state_digest(newest), digests.at(newest.sequence));
    const bool newest_is_hit = file == folder / checkpoint_file_name(kCheckpoints - 1);
    ASSERT_EQ(newest.sequence, newest_is_hit ? kCheckpoints - 2 : kCheckpoints - 1);
    ASSERT_EQ(state.fallbacks().empty(), !newest_is_hit);

    std::uint64_t windows = newest.windows;
    for (const JournalSegment& segment : state.journal_after(newest)) {
      for (const JournalEntry& entry : segment.entries) {
        const auto* const window = std::get_if<JournalWindow>(&entry);
        if (window == nullptr) continue;
        ASSERT_EQ(window->index, windows);
        ASSERT_EQ(window->rows_digest, windows * 977);
        ++windows;
      }
    }
    // A journal that ends between two entries is one whose writer was killed there; anything else is told.
    if (windows < kCheckpoints * kWindowsBetween && state.journal_notes().empty()) {
      ASSERT_TRUE(what.starts_with("cut off"));
    }
    write_bytes(file, before);
  }
}

}  // namespace
}  // namespace millrace
