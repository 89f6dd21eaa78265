// Records of transactions, as Kafka Streams and other exactly-once writers leave them.
#include "integration/kafka_test.h"

namespace millrace {
namespace {

using support::ProcessResult;
using support::RawRecord;

class Transactions : public KafkaTest {
 protected:
  static std::vector<RawRecord> rows(std::size_t count) {
    return std::vector<RawRecord>(count, RawRecord{"1", "8,10,10,8,7,10,9,7,1"});
  }
};

TEST_F(Transactions, OnlyCommittedRecordsAreTrainedAndNoLagRemains) {
  broker_.create_topic(topic_, 1);
  support::RecordProducer producer(broker_.brokers(), topic_);
  producer.begin_transaction();
  producer.send(topic_, 0, rows(30));
  producer.commit_transaction();
  producer.begin_transaction();
  producer.send(topic_, 0, rows(7));
  producer.abort_transaction();

  const ProcessResult first = succeed(train(topic_));
  EXPECT_EQ(json_count(first.out, "/rows"), 30);
  // Behind the last row lie the aborted ones and two control records.
  EXPECT_EQ(broker_.group_lag(group_, topic_), 0);

  producer.begin_transaction();
  producer.send(topic_, 0, rows(11));
  producer.commit_transaction();
  const ProcessResult second = succeed(train(topic_));
  EXPECT_EQ(json_count(second.out, "/rows"), 11);
  EXPECT_EQ(json_count(second.out, "/lifetime/rows"), 41);
  EXPECT_EQ(broker_.group_lag(group_, topic_), 0);
}

TEST_F(Transactions, AnOpenTransactionIsNotWaitedFor) {
  broker_.create_topic(topic_, 1);
  support::RecordProducer(broker_.brokers()).send(topic_, 0, rows(5));
  support::RecordProducer producer(broker_.brokers(), topic_);
  producer.begin_transaction();
  producer.send(topic_, 0, rows(7));
  const ProcessResult during = succeed(train(topic_));
  EXPECT_EQ(json_count(during.out, "/rows"), 5);
  producer.commit_transaction();
  const ProcessResult after = succeed(train(topic_));
  EXPECT_EQ(json_count(after.out, "/rows"), 7);
}

}  // namespace
}  // namespace millrace
