// What a killed run left in its journal, and what becomes of it.
#include <chrono>
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>
#include <unistd.h>

#include "integration/kafka_test.h"
#include "support/topic_admin.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;
using support::Process;
using support::ProcessResult;
using ::testing::HasSubstr;

class Replay : public KafkaTest {
 protected:
  static constexpr std::int64_t kWindowRows = 500;

  // One partition, windows of 500 rows, and no checkpoint but the first and the last.
  [[nodiscard]] Words training(const Words& more = {}, const std::string& stop = "end") const {
    return joined(train_for_ever(topic_, {"--stop", stop, "--window-rows", "500", "--window-ms", "600000",
                                          "--checkpoint-ms", "86400000", "--layers", "8", "--epochs", "1"}),
                  more);
  }

  [[nodiscard]] std::int64_t windows_in_journal() const {
    const ProcessResult result = run_millrace({"inspect", journal(), "--json"});
    if (result.exit_code != 0) return 0;
    std::int64_t windows = 0;
    for (std::size_t at = result.out.find("\"window\""); at != std::string::npos;
         at = result.out.find("\"window\"", at + 1)) {
      ++windows;
    }
    return windows;
  }

  // Kills a run once it has journalled a few windows; returns how many there are.
  [[nodiscard]] std::int64_t journal_of_a_killed_run() const {
    broker_.create_topic(topic_, 1);
    succeed(produce(topic_, {"--repeat", "100"}));
    Process run(millrace_command(training({}, "never")));
    const auto deadline = std::chrono::steady_clock::now() + kRunLimit;
    while (windows_in_journal() < 4 && run.running() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds(5));  // so that looking does not take the processor away
    }
    run.send(SIGKILL);
    static_cast<void>(run.wait(kRunLimit));
    return windows_in_journal();
  }

  [[nodiscard]] std::string journal() const { return state() + "/journal-0000000000.millrace"; }
};

TEST_F(Replay, BringsAKilledStateUpToDateAndReadsNothingNew) {
  const std::int64_t windows = journal_of_a_killed_run();
  ASSERT_GE(windows, 4);
  const ProcessResult killed = succeed(inspect());
  EXPECT_EQ(json_count(killed.out, "/rows"), 0);
  EXPECT_EQ(json_count(killed.out, "/journalled_windows"), windows);
  const Words replay = {"replay", state(), "--brokers", broker_.brokers(), "--json", "--quiet"};
  EXPECT_EQ(json_count(succeed(replay).out, "/windows"), windows);
  EXPECT_EQ(json_count(succeed(inspect()).out, "/rows"), windows * kWindowRows);
  EXPECT_EQ(json_count(succeed(replay).out, "/windows"), 0);
  const ProcessResult rest = succeed(training());
  EXPECT_EQ(json_count(rest.out, "/lifetime/rows"), 100 * kRowsInFile);
  EXPECT_EQ(json_count(rest.out, "/replayed_windows"), 0);
}

TEST_F(Replay, NamesTheWindowWhoseRecordsWereDeletedAndGoesOnWithoutThemWhereThatIsWanted) {
  const std::int64_t windows = journal_of_a_killed_run();
  ASSERT_GE(windows, 4);
  support::TopicAdmin(broker_.brokers()).delete_records(topic_, 0, 2 * kWindowRows);
  const ProcessResult refused = run_millrace(training());
  EXPECT_EQ(refused.exit_code, 4) << refused.describe();
  EXPECT_THAT(refused.err, HasSubstr("--on-data-loss"));
  EXPECT_EQ(windows_in_journal(), windows) << "nothing was written";

  const ProcessResult rest = succeed(training({"--on-data-loss", "continue"}));
  EXPECT_EQ(json_count(rest.out, "/replayed_windows"), windows);
  EXPECT_EQ(json_count(rest.out, "/replayed_rows"), (windows - 2) * kWindowRows);
  EXPECT_EQ(json_count(rest.out, "/lifetime/rows"), 100 * kRowsInFile - 2 * kWindowRows);
}

TEST_F(Replay, ADamagedCheckpointCostsNothingButALongerReplay) {
  broker_.create_topic(topic_, 2);
  succeed(produce(topic_, {"--repeat", "20", "--partitioner", "random"}));
  succeed(training({}, "records:4000"));
  succeed(training());
  const std::string whole = json_text(succeed(inspect()).out, "/state_digest");
  const std::string newest = json_text(succeed(inspect()).out, "/file");
  ASSERT_EQ(::truncate(newest.c_str(), 1000), 0);
  const ProcessResult again = succeed(training());
  EXPECT_THAT(again.err, HasSubstr("is damaged"));
  EXPECT_GT(json_count(again.out, "/replayed_windows"), 0);
  EXPECT_EQ(json_count(again.out, "/rows"), 0);
  EXPECT_EQ(json_text(succeed(inspect()).out, "/state_digest"), whole);
}

}  // namespace
}  // namespace millrace
