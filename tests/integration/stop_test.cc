// SIGTERM at any moment, whatever the broker does: the run ends in time, and the next one goes on where it
// was.
//
// TEST_STOPS says how many stops the long test does, TEST_STOP_SEED when they come.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <random>

#include "integration/kafka_test.h"
#include "integration/live_train.h"
#include "support/numbered_load.h"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using support::NumberedLoad;
using support::Process;
using support::ProcessResult;

class Stop : public KafkaTest {
 protected:
  // Time cuts no window, so the log alone says what windows there are.
  [[nodiscard]] Words train_into(const std::string& state) const {
    return train_whole_windows(state, {"--features", "9", "--label", "key", "--standardize", "--engine",
                                       "cpu", "--checkpoint-ms", "150"});
  }

  static std::string digest_of(const std::string& state) {
    return json_text(succeed({"inspect", state, "--json"}).out, "/state_digest");
  }

  void train_with_stops(std::int64_t stops) {
    constexpr std::int64_t kRepeat = 60;
    broker_.create_topic(topic_, 4);
    succeed(produce(topic_, {"--repeat", std::to_string(kRepeat), "--partitioner", "random"}));
    const std::string whole = folder_ / "whole";
    const auto begun = steady_clock::now();
    succeed(train_into(whole));
    const auto one_run = std::chrono::duration_cast<milliseconds>(steady_clock::now() - begun);
    const std::string expected = digest_of(whole);

    std::mt19937_64 random(static_cast<std::uint64_t>(count_from_environment("TEST_STOP_SEED", 1)));
    std::uniform_int_distribution<milliseconds::rep> instant(50, one_run.count());
    milliseconds longest{0};
    std::int64_t stopped = 0;
    for (int turn = 0; stopped < stops; ++turn) {
      const std::string state = folder_ / ("turn-" + std::to_string(turn));
      std::int64_t rows = 0;
      for (bool ended = false; !ended;) {
        Process training(millrace_command(train_into(state)));
        ended = stopped >= stops ||
                !comes_true_within(kRunLimit,
                                   [until = steady_clock::now() + milliseconds(instant(random)), &training] {
                                     return steady_clock::now() >= until || !training.running();
                                   }) ||
                !training.running();
        const auto asked = steady_clock::now();
        if (!ended) training.send(SIGTERM);
        const ProcessResult result = training.wait(kRunLimit);
        ASSERT_EQ(result.exit_code, 0) << result.describe();
        if (!ended) {
          ++stopped;
          longest = std::max(longest, std::chrono::duration_cast<milliseconds>(steady_clock::now() - asked));
          ASSERT_LE(longest, 10s);
        }
        if (result.out.empty()) continue;  // stopped before it had begun
        rows += json_count(result.out, "/rows");
      }
      ASSERT_EQ(rows, kRepeat * kRowsInFile) << "the runs together trained others than the rows there are";
      ASSERT_EQ(digest_of(state), expected);
    }
    RecordProperty("stops", std::to_string(stopped));
    RecordProperty("longest_ms", std::to_string(longest.count()));
  }
};
using SlowStop = Stop;

TEST_F(Stop, UnderLoadTrainsNoRowTwice) { train_with_stops(5); }
TEST_F(SlowStop, UnderLoadAgainAndAgainTrainsNoRowTwice) {
  train_with_stops(count_from_environment("TEST_STOPS", 50));
}

TEST_F(Stop, EndsInTimeWithTheBrokerHangingOrDeadAndACommitOutstanding) {
  constexpr int kPartitions = 2;
  constexpr double kRowsPerSecond = 5000;
  broker_.create_topic(topic_, kPartitions);
  NumberedLoad load(broker_.brokers(), topic_, kPartitions, kRowsPerSecond);
  const Words arguments = train_numbered(broker_.brokers(), topic_, state());
  const auto stop_once = [&](const std::function<void()>& fault) {
    LiveTrain training(arguments);
    const std::int64_t before = training.rows();
    EXPECT_TRUE(comes_true_within(kRunLimit, [&] { return training.rows() > before; })) << training.err();
    fault();
    training.stop();  // its last checkpoint leaves a commit that nobody answers
  };
  stop_once([&] { broker_.pause(); });
  broker_.go_on();
  stop_once([&] { broker_.kill(); });
  broker_.start();
  const std::int64_t rows = load.finish();
  succeed(joined(arguments, {"--stop", "end"}));
  expect_trained_once(state(), rows);
}

}  // namespace
}  // namespace millrace
