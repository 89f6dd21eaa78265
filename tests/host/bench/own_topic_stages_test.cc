// The stages that train on a topic of their own. The embedded broker makes and deletes no topics, so here the
// topic is there; tests/integration runs the whole stages against real brokers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "bench/end_to_end_stage.h"
#include "bench/latency_stage.h"
#include "bench/own_topic.h"
#include "kafka/admin.h"
#include "kafka/embedded_broker.h"
#include "support/temp_dir.h"

namespace millrace {
namespace {

using ::testing::StartsWith;

class OwnTopicStages : public ::testing::Test {
 protected:
  TrainJob job(std::uint32_t window_rows) {
    TrainJob job;
    job.source = {.client = {.brokers = broker_.brokers()}, .topics = {"rows"}, .memory_bytes = 8 << 20};
    job.shape = {{3, 8, 4, 1}};
    job.decoder = {.features = 3};
    job.label = "key";
    job.engine = "cpu";
    job.window_rows = window_rows;
    return job;
  }

  const EmbeddedBroker broker_{{{"rows", 1}}};
  const support::TempDir folder_;
};

TEST_F(OwnTopicStages, FillATopicWithSoManyRowsInTurnsOverItsPartitions) {
  const EmbeddedBroker broker({{"two", 2}});
  fill_topic({.brokers = broker.brokers()}, "two", 21, 3);
  const auto topic = describe_topic({.brokers = broker.brokers()}, "two");
  EXPECT_EQ(topic->partitions.at(0).end, 11);
  EXPECT_EQ(topic->partitions.at(1).end, 10);
}

TEST_F(OwnTopicStages, PutTrainingFromATopicBesideStepsAlone) {
  fill_topic({.brokers = broker_.brokers()}, "rows", 500, 3);
  std::vector<std::string> notes;
  const BenchReport report =
      measure_end_to_end({.job = job(64), .rows = 500, .rounds = 2, .scratch = folder_.path()},
                         [&](const std::string& note) { notes.push_back(note); }, {});
  EXPECT_EQ(report.stage, "end-to-end");
  EXPECT_EQ(report.figures.at("rows"), 500);
  EXPECT_THAT(report.figures.at("engine").get<std::string>(), StartsWith("cpu, "));
  for (const char* const figure : {"rows_per_s", "bound_rows_per_s", "share"}) {
    EXPECT_GT(report.figures.at(figure), 0.0) << figure;
  }
  EXPECT_EQ(notes.size(), 2U) << "one for each round";
}

TEST_F(OwnTopicStages, MeasureARunOfOneWindowByItsWholeTime) {
  fill_topic({.brokers = broker_.brokers()}, "rows", 50, 3);
  const BenchReport report = measure_end_to_end(
      {.job = job(64), .rows = 50, .rounds = 1, .scratch = folder_.path()}, [](const std::string&) {}, {});
  EXPECT_GT(report.figures.at("rows_per_s"), 0.0);
}

TEST_F(OwnTopicStages, PutTheLatencyOfRowsBesideTheTimeThatAWindowFills) {
  const BenchReport report =
      measure_latency({.job = job(16), .rows = 320, .rows_per_s = 1000, .scratch = folder_.path()}, {});
  EXPECT_EQ(report.stage, "latency");
  EXPECT_EQ(report.figures.at("rows"), 160) << "the other half warms up";
  EXPECT_GE(report.figures.at("p99_ms"), report.figures.at("p50_ms"));
  EXPECT_GE(report.figures.at("max_ms"), report.figures.at("p99_ms"));
  EXPECT_DOUBLE_EQ(report.figures.at("bound_p50_ms").get<double>(), 7.5);
  EXPECT_DOUBLE_EQ(report.figures.at("bound_max_ms").get<double>(), 15.0);
}

TEST_F(OwnTopicStages, HaveNoFiguresWhereTheyAreStoppedBeforeTheEnd) {
  std::stop_source stop;
  stop.request_stop();
  fill_topic({.brokers = broker_.brokers()}, "rows", 50, 3);
  const BenchReport report = measure_end_to_end(
      {.job = job(16), .rows = 50, .rounds = 3, .scratch = folder_.path()}, [](const std::string&) {},
      stop.get_token());
  EXPECT_TRUE(report.figures.at("rows_per_s").is_null());
}

}  // namespace
}  // namespace millrace
