// What befalls the machine and not the broker: a second trainer, a clock that is set, a full disk, more
// records than it can train.
//
// TEST_OVERLOAD_S says how long the long test runs.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <gmock/gmock.h>
#include <limits>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

#include "integration/kafka_test.h"
#include "integration/live_train.h"
#include "support/numbered_load.h"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;
using std::chrono::steady_clock;
using support::NumberedLoad;
using support::ProcessResult;
using ::testing::HasSubstr;

std::string digest_of(const std::string& state) {
  const ProcessResult result = run_millrace({"inspect", state, "--json"});
  if (result.exit_code != 0) throw std::runtime_error(result.describe());
  return json_text(result.out, "/state_digest");
}

class TwoTrainers : public KafkaTest {};

TEST_F(TwoTrainers, OnOneStateFolderAreOneAndARefusalThatNamesIt) {
  broker_.create_topic(topic_, 1);
  NumberedLoad load(broker_.brokers(), topic_, 1, 5000, 1000);
  const Words arguments = train_numbered(broker_.brokers(), topic_, state());
  LiveTrain first(arguments);
  const ProcessResult second = run_millrace(joined(arguments, {"--stop", "end"}));
  EXPECT_EQ(second.exit_code, 6) << second.describe();
  EXPECT_THAT(second.err, HasSubstr("process " + std::to_string(first.pid()) + " on "));
  const std::int64_t rows = load.finish();
  EXPECT_TRUE(comes_true_within(kRunLimit, [&] { return first.rows() == rows; }));
  first.stop();
  expect_trained_once(state(), rows);
}

// The clock of the programs that are told of it: seconds ahead of the true one.
class SettableClock {
 public:
  explicit SettableClock(std::string file) : file_(std::move(file)) {
    const int fd = open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void* memory = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, sizeof *ahead_s_) == 0)
      memory = mmap(nullptr, sizeof *ahead_s_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0) close(fd);
    if (memory == MAP_FAILED) throw std::runtime_error(file_ + ": " + std::strerror(errno));
    ahead_s_ = static_cast<std::int64_t*>(memory);
  }
  SettableClock(const SettableClock&) = delete;
  SettableClock& operator=(const SettableClock&) = delete;
  ~SettableClock() { munmap(ahead_s_, sizeof *ahead_s_); }

  void set(seconds ahead) { __atomic_store_n(ahead_s_, ahead.count(), __ATOMIC_RELAXED); }
  [[nodiscard]] std::map<std::string, std::string> environment() const {
    return {{"LD_PRELOAD", MILLRACE_CLOCK_SHIFT_LIBRARY}, {"CLOCK_SHIFT_FILE", file_}};
  }

 private:
  const std::string file_;
  std::int64_t* ahead_s_ = nullptr;
};

class Clock : public KafkaTest {};

TEST_F(Clock, ThatIsSetADayForwardAndTwoDaysBackChangesNoBitOfTheOutcome) {
  constexpr std::int64_t kRows = 20'000;
  constexpr std::int64_t kPhase = 4'000;
  broker_.create_topic(topic_, 1);
  // One partition, windows by count: the log alone says what windows there are.
  const auto arguments = [&](const std::string& state) {
    return joined(train_numbered(broker_.brokers(), topic_, state, 600s), {"--window-rows", "500"});
  };
  SettableClock clock(folder_ / "clock");
  const std::string disturbed = folder_ / "disturbed";
  {
    NumberedLoad load(broker_.brokers(), topic_, 1, 6000, kRows);
    LiveTrain training(arguments(disturbed), clock.environment());
    ASSERT_TRUE(comes_true_within(kRunLimit, [&] { return training.rows() >= kPhase; }));
    clock.set(24h);
    ASSERT_TRUE(comes_true_within(kRunLimit, [&] { return training.rows() >= 2 * kPhase; }));
    clock.set(-24h);
    ASSERT_TRUE(comes_true_within(20s, [&] { return training.rows() >= kRows; }))
        << training.rows() << " rows: " << training.err();
    load.finish();
    training.stop();
  }
  const std::string undisturbed = folder_ / "undisturbed";
  succeed(joined(arguments(undisturbed), {"--stop", "end"}));
  EXPECT_EQ(digest_of(disturbed), digest_of(undisturbed));
  const auto written_at_ms = [](const std::string& state) {
    return json_count(succeed({"inspect", state, "--json"}).out, "/written_at_ms");
  };
  EXPECT_GT(written_at_ms(undisturbed) - written_at_ms(disturbed), std::chrono::milliseconds(23h).count())
      << "its clock was not set";
}

// Trains, waits for the file that says that there is room now, and trains again: on a file system and in a
// mount namespace of its own. Two checkpoints of 0.8 MB fit at first, and no third.
constexpr const char* kOnAFullDisk = R"sh(
disk=$1 room=$2 millrace=$3
shift 2
report() { echo "$1: ended with $2, $("$millrace" inspect "$disk/state" --json | tr -d '\n')"; }
mount -t tmpfs -o size=2m tmpfs "$disk"
"$@" >/dev/null
report full $?
until [[ -e $room ]]; do sleep 0.05; done
mount -o remount,size=64m "$disk"
"$@" >/dev/null
report roomy $?
)sh";

class FullDisk : public KafkaTest {
 protected:
  // By the committed offsets; more than there are where nothing was committed.
  [[nodiscard]] std::int64_t waiting_records() const {
    constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();
    try {
      const std::int64_t lag = broker_.group_lag(group_, topic_);
      return lag < 0 ? kAll : lag;
    } catch (const std::runtime_error&) {
      return kAll;  // there is no such group
    }
  }
};

TEST_F(FullDisk, EndsTheRunWithItsCheckpointsWholeAndTheSameCommandGoesOn) {
  constexpr std::int64_t kRows = 30'000;
  const Words in_namespace = {"unshare", "--mount", "--map-root-user"};
  const ProcessResult possible =
      support::run_process({.arguments = joined(in_namespace, {"true"})}, kRunLimit);
  if (possible.exit_code != 0) GTEST_SKIP() << "no mount namespaces here: " << possible.err;
  broker_.create_topic(topic_, 1);
  NumberedLoad(broker_.brokers(), topic_, 1, 1e6, kRows).finish();
  const auto arguments = [&](const std::string& state) {
    return train_whole_windows(
        state, {"--features", "2", "--label", "key", "--engine", "cpu", "--checkpoint-ms", "100"});
  };
  const std::string disk = folder_ / "disk";
  const std::string state = disk + "/state";
  const std::string room = folder_ / "room";
  std::filesystem::create_directory(disk);
  support::Process steps(
      {.arguments = joined(joined(in_namespace, {"bash", "-c", kOnAFullDisk, "bash", disk, room}),
                           millrace_command(arguments(state)).arguments)});

  const auto full = steps.wait_for_line("^full: ended with ", kRunLimit);
  ASSERT_TRUE(full) << steps.out() << steps.err();
  EXPECT_THAT(*full, HasSubstr("ended with 6,"));
  EXPECT_THAT(steps.err(), HasSubstr("There is no space left for " + state));
  EXPECT_THAT(steps.err(), HasSubstr("make room and start again with the same command"));
  const std::int64_t kept = json_count(full->substr(full->find('{')), "/rows");
  EXPECT_LT(kept, kRows);
  EXPECT_GE(waiting_records(), kRows - kept) << kept << " are kept";

  std::ofstream(room).flush();
  const auto roomy = steps.wait_for_line("^roomy: ended with ", kRunLimit);
  ASSERT_TRUE(roomy) << steps.out() << steps.err();
  EXPECT_THAT(*roomy, HasSubstr("ended with 0,"));
  const std::string undisturbed = folder_ / "undisturbed";
  succeed(arguments(undisturbed));
  EXPECT_EQ(json_text(roomy->substr(roomy->find('{')), "/state_digest"), digest_of(undisturbed));
  RecordProperty("rows_kept", std::to_string(kept));
}

class Overload : public KafkaTest {
 protected:
  void train_under(seconds duration) {
    constexpr int kPartitions = 2;
    constexpr auto kWarmUp = 5s;
    broker_.create_topic(topic_, kPartitions);
    LiveTrain training({"train",
                        "--brokers",
                        broker_.brokers(),
                        "--topic",
                        topic_,
                        "--features",
                        "2",
                        "--label",
                        "key",
                        "--state",
                        state(),
                        "--engine",
                        "cpu",
                        "--layers",
                        "64,64",
                        "--epochs",
                        "10",
                        "--checkpoint-ms",
                        "1000",
                        "--memory-bytes",
                        "32MiB",
                        "--json",
                        "--quiet"});
    std::int64_t capacity = 0;
    {
      constexpr auto kMeasured = 2s;
      NumberedLoad flood(broker_.brokers(), topic_, kPartitions, 400'000);
      EXPECT_TRUE(comes_true_within(kRunLimit, [&] { return training.rows() > 0; }));
      const std::int64_t before = training.rows();
      std::this_thread::sleep_for(kMeasured);
      capacity = (training.rows() - before) / kMeasured.count();
    }
    ASSERT_GT(capacity, 0);

    NumberedLoad load(broker_.brokers(), topic_, kPartitions, 2 * static_cast<double>(capacity));
    const auto begun = steady_clock::now();
    std::this_thread::sleep_for(std::max<steady_clock::duration>(kWarmUp, duration / 4));
    const std::int64_t memory = training.resident_kib();
    const std::int64_t descriptors = training.descriptors();
    std::int64_t most_memory = 0;
    std::int64_t most_descriptors = 0;
    while (steady_clock::now() < begun + duration) {
      ASSERT_TRUE(training.running()) << training.err();
      most_memory = std::max(most_memory, training.resident_kib());
      most_descriptors = std::max(most_descriptors, training.descriptors());
      std::this_thread::sleep_for(100ms);
    }
    EXPECT_LE(most_memory, memory + memory / 20);
    EXPECT_LE(most_descriptors, descriptors + 2)
        << "two may be a checkpoint that is being written, and its folder";
    training.stop();
    RecordProperty("capacity_rows_per_s", std::to_string(capacity));
    RecordProperty("resident_kib", std::to_string(memory) + ", at most " + std::to_string(most_memory));
    RecordProperty("descriptors",
                   std::to_string(descriptors) + ", at most " + std::to_string(most_descriptors));
  }
};
using SlowOverload = Overload;

TEST_F(Overload, OfTwiceWhatItCanTrainTakesNoMoreMemory) { train_under(10s); }
TEST_F(SlowOverload, OfTwiceWhatItCanTrainTakesNoMoreMemoryInHalfAnHour) {
  train_under(seconds(count_from_environment("TEST_OVERLOAD_S", 1800)));
}

}  // namespace
}  // namespace millrace
