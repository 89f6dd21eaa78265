// A whole job over an embedded broker whose dead-letter topic fails.
#include <gtest/gtest.h>
#include <numeric>

#include "millrace/errors.h"

#include "kafka/admin.h"
#include "kafka/embedded_broker.h"
#include "kafka/producer.h"
#include "state/state_folder.h"
#include "support/temp_dir.h"
#include "train/train_job.h"

namespace millrace {
namespace {

constexpr std::int16_t kProduceRequest = 0;

class DeadLetterJob : public testing::Test {
 protected:
  DeadLetterJob() {
    TopicProducer producer({broker_.brokers(), {}}, "rows", "murmur2_random");
    for (int row = 0; row < 100; ++row) producer.send("1", "1,2");
    producer.send("1", "1,two");
    producer.flush();
    job_.source.client = {.brokers = broker_.brokers(), .timeout = std::chrono::seconds{10}};
    job_.source.topics = {"rows"};
    job_.decoder = {.features = 2};
    job_.shape = {{2, 4, 1}};
    job_.engine = "cpu";
    job_.window_rows = 32;
    job_.window_limit = std::chrono::minutes{1};
    job_.stop.when = StopRule::When::end;
    job_.dead_letter_topic = "dead";
    job_.state = folder_.path();
    job_.trainer.errors_tolerance = ErrorsTolerance::all;
  }

  [[nodiscard]] TrainResult run() const {
    return run_train_job(
        job_, {.note = [](std::string_view) {}, .window = [](const TrainTick&, const SourceCounts&) {}}, {});
  }

  const EmbeddedBroker broker_{{{"rows", 1}, {"dead", 1}}};
  const support::TempDir folder_;
  TrainJob job_;
};

TEST_F(DeadLetterJob, WhoseLetterIsRefusedTrainsNothingOfItsWindowAndGoesOnThereNextTime) {
  rd_kafka_mock_push_request_errors(broker_.cluster(), kProduceRequest, 1,
                                    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  EXPECT_THROW(static_cast<void>(run()), KafkaError);
  const Checkpoint refused = read_newest_checkpoint(folder_.path()).value();
  EXPECT_EQ(refused.lifetime.rows, 96U);  // three windows; the letter is of the fourth
  EXPECT_EQ(refused.lifetime.bad_records, 0U);

  const TrainResult result = run();
  EXPECT_EQ(result.counts.dead_letters, 1U);
  EXPECT_EQ(result.checkpoint.lifetime.rows, 100U);
  EXPECT_EQ(describe_topic(job_.source.client, "dead")->partitions[0].end, 1);
}

TEST_F(DeadLetterJob, WhoseTopicIsMissingLeavesTheStateAlone) {
  rd_kafka_mock_topic_set_error(broker_.cluster(), "dead", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  EXPECT_THROW(static_cast<void>(run()), KafkaError);
  EXPECT_FALSE(read_newest_checkpoint(folder_.path()).has_value());
}

}  // namespace
}  // namespace millrace
