// kill -9 at random instants, over and over: the state ends bit for bit as that of an uninterrupted run over
// the same log.
//
// TEST_KILL_SEED says when the kills come.
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <random>

#include "integration/kafka_test.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;
using support::Process;
using support::ProcessResult;

class Kill : public KafkaTest {
 protected:
  // What stands in the topic, and how it is read.
  struct Content {
    Words produce;
    Words read;
  };
  const Content kCsv = {{"--partitioner", "random"}, {"--label", "key"}};
  // Records that windows cut: no window is as long as one.
  const Content kPacked = {{"--partitioner", "random", "--format", "packed", "--rows-per-record", "701"},
                           {"--label", "value:class", "--format", "packed"}};

  // Windows of which the last is short, and checkpoints in between; time cuts nothing.
  [[nodiscard]] Words train_into(const std::string& state, const Content& content) const {
    return train_whole_windows(
        state, joined(joined({"--features", "9", "--standardize", "--checkpoint-ms", "150"}, content.read),
                      kEngine));
  }

  // What determines everything that follows; the rows that were trained, by the counts that windows added up.
  struct Outcome {
    std::string digest;
    std::int64_t rows;
    std::int64_t steps;
    bool operator==(const Outcome&) const = default;
  };
  [[nodiscard]] static Outcome outcome_in(const std::string& state) {
    const ProcessResult result = succeed({"inspect", state, "--json"});
    return {json_text(result.out, "/state_digest"), json_count(result.out, "/rows"),
            json_count(result.out, "/steps")};
  }

  // Windows that were trained again in this run.
  static std::int64_t replayed(const ProcessResult& run) { return json_count(run.out, "/replayed_windows"); }

#ifdef MILLRACE_KILL_CUDA
  const Words kEngine = {"--engine", "cuda", "--layers", "16,8"};
  static constexpr const char* kRepeat = "6";
#else
  const Words kEngine = {"--engine", "cpu"};
  static constexpr const char* kRepeat = "90";
#endif

  void kill_again_and_again(std::uint64_t kills, const Content& content) const;
};

void Kill::kill_again_and_again(std::uint64_t kills, const Content& content) const {
  broker_.create_topic(topic_, 4);
  succeed(produce(topic_, joined({"--repeat", kRepeat}, content.produce)));
  const std::string whole = folder_ / "whole";
  const auto begun = std::chrono::steady_clock::now();
  succeed(train_into(whole, content));
  const auto one_run = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun);
  const Outcome expected = outcome_in(whole);

  const char* const seed = std::getenv("TEST_KILL_SEED");
  std::mt19937_64 random(seed != nullptr ? std::strtoull(seed, nullptr, 10) : 1);
  std::uniform_int_distribution<milliseconds::rep> instant(0, one_run.count());
  std::uint64_t killed = 0;
  std::int64_t replays = 0;
  for (int run = 0; killed < kills; ++run) {
    const std::string state = folder_ / ("run-" + std::to_string(run));
    for (bool ended = false; !ended;) {
      Process training(millrace_command(train_into(state, content)));
      const bool kill = killed < kills;
      const ProcessResult result = training.wait(kill ? milliseconds(instant(random)) : kRunLimit);
      ended = !result.timed_out;
      if (ended) {
        ASSERT_EQ(result.exit_code, 0) << result.describe();
        replays += replayed(result) > 0 ? 1 : 0;
      } else {
        ++killed;
      }
    }
    ASSERT_EQ(outcome_in(state), expected) << "after " << killed << " kills";
    // Its checkpoints follow from each other by the journal.
    if (killed >= kills) succeed({"replay", state, "--brokers", broker_.brokers(), "--verify", "--quiet"});
    std::filesystem::remove_all(state);
  }
  RecordProperty("kills", static_cast<int>(killed));
  RecordProperty("runs_that_replayed_before_they_ended", static_cast<int>(replays));
}

#ifdef MILLRACE_KILL_CUDA
constexpr std::uint64_t kKills = 20;
#else
constexpr std::uint64_t kKills = 12;
#endif

TEST_F(Kill, ARunThatIsKilledAgainAndAgainEndsBitForBitAsAnUninterruptedOne) {
  kill_again_and_again(kKills, kCsv);
}

TEST_F(Kill, ARunOverRecordsOfManyRowsEndsBitForBitAsAnUninterruptedOne) {
  kill_again_and_again(kKills / 2, kPacked);
}

using SlowKill = Kill;

TEST_F(SlowKill, TwoHundredTimesEndsBitForBitAsAnUninterruptedRun) { kill_again_and_again(200, kCsv); }

}  // namespace
}  // namespace millrace
