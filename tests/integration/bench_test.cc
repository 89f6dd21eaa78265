// `millrace bench` against a real broker: the topics that it makes, and that it leaves none behind.
#include "integration/kafka_test.h"

namespace millrace {
namespace {

using support::ProcessResult;

class Bench : public KafkaTest {
 protected:
  [[nodiscard]] Words bench(const std::string& stage, const Words& more) const {
    return joined({"bench", stage, "--brokers", broker_.brokers(), "--topic", topic_, "--json", "--quiet"},
                  more);
  }
};

TEST_F(Bench, EndToEndAndLatencyMakeATopicAndLeaveNone) {
  const ProcessResult trained =
      succeed(bench("end-to-end", {"--rows", "1000", "--rounds", "1", "--layers", "8", "--batch", "256",
                                   "--window-rows", "256", "--epochs", "1"}));
  EXPECT_EQ(json_count(trained.out, "/rows"), 1000);
  EXPECT_GT(json_number(trained.out, "/rows_per_s"), 0.0);
  EXPECT_GT(json_number(trained.out, "/bound_rows_per_s"), 0.0);

  const ProcessResult awaited = succeed(bench("latency", {"--rows", "400", "--layers", "8"}));
  EXPECT_GT(json_number(awaited.out, "/p50_ms"), 0.0);

  const ProcessResult after = run_millrace({"inspect", "--brokers", broker_.brokers(), "--topic", topic_});
  EXPECT_EQ(after.exit_code, 3) << after.describe();
}

TEST_F(Bench, IngestReadsATopicAndTheOthersRefuseIt) {
  succeed(produce(topic_, {"--partitions", "2"}));
  const ProcessResult read = succeed(bench("ingest", {"--features", "9", "--label", "key", "--rounds", "1"}));
  EXPECT_EQ(json_count(read.out, "/records"), kRowsInFile);
  EXPECT_GT(json_number(read.out, "/rows_per_s"), 0.0);

  const ProcessResult refused = run_millrace(bench("latency", {}));
  EXPECT_EQ(refused.exit_code, 2) << refused.describe();
  EXPECT_NE(refused.err.find("it is there already"), std::string::npos) << refused.err;
}

}  // namespace
}  // namespace millrace
