// Records of transactions, as Kafka Streams and other exactly-once writers leave them.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <librdkafka/rdkafka.h>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "integration/kafka_test.h"
#include "support/topic_admin.h"

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

// The first feature of all records from each partition's offset on, as a read_committed consumer reads them.
std::vector<double> read_committed(const std::string& brokers, const std::string& topic,
                                   const std::vector<std::int64_t>& from) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"bootstrap.servers", brokers},
                                                        {"group.id", "reader"},
                                                        {"enable.auto.commit", "false"},
                                                        {"isolation.level", "read_committed"},
                                                        {"enable.partition.eof", "true"}}) {
    rd_kafka_conf_set(conf, name.c_str(), value.c_str(), nullptr, 0);
  }
  rd_kafka_t* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0);
  rd_kafka_poll_set_consumer(consumer);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
  for (std::size_t partition = 0; partition < from.size(); ++partition) {
    rd_kafka_topic_partition_list_add(list, topic.c_str(), static_cast<std::int32_t>(partition))->offset =
        from[partition];
  }
  rd_kafka_assign(consumer, list);
  rd_kafka_topic_partition_list_destroy(list);
  std::vector<double> features;
  std::size_t ends = 0;
  const auto deadline = std::chrono::steady_clock::now() + kRunLimit;
  while (ends < from.size() && std::chrono::steady_clock::now() < deadline) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 100);
    if (message == nullptr) continue;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) ++ends;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      features.push_back(std::stod(std::string(static_cast<const char*>(message->payload), message->len)));
    }
    rd_kafka_message_destroy(message);
  }
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  std::ranges::sort(features);
  if (ends < from.size()) throw std::runtime_error("the reader did not come to the end");
  return features;
}

// Aborted and empty transactions, two writers at once, records without a transaction, and in the second half
// holes that compaction made: the first feature tells each record from all others.
class MixedLog : public Transactions {
 protected:
  static constexpr int kPartitions = 2;

  void write(int transactions, bool keys_repeat) {
    support::RecordProducer plain(broker_.brokers());
    for (int transaction = 0; transaction < transactions; ++transaction) {
      support::RecordProducer& writer = transaction % 2 == 0 ? first_ : second_;
      writer.begin_transaction();
      for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
        if (random_() % 4 != 0) writer.send(topic_, partition, some_rows(random_() % 12, keys_repeat));
        if (random_() % 4 == 0) plain.send(topic_, partition, some_rows(random_() % 4, keys_repeat));
      }
      random_() % 3 == 0 ? writer.abort_transaction() : writer.commit_transaction();
    }
  }
  std::vector<RawRecord> some_rows(std::size_t count, bool keys_repeat) {
    std::vector<RawRecord> records;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string key = std::to_string(keys_repeat ? random_() % 8 : written_);
      records.push_back({key, std::to_string(written_++) + ",1,1,1,1,1,1,1,1,1"});
    }
    return records;
  }
  void train_all() const {
    succeed({"train",
             "--brokers",
             broker_.brokers(),
             "--topic",
             topic_,
             "--features",
             "id,b,c,d,e,f,g,h,i",
             "--columns",
             "id,b,c,d,e,f,g,h,i,label",
             "--label",
             "value:label",
             "--state",
             state(),
             "--group",
             group_,
             "--standardize",
             "--stop",
             "end",
             "--json",
             "--quiet"});
  }
  // The trained set so far, by the standardizer, which took in each row once.
  void expect_trained(const std::vector<double>& features) const {
    double sum = 0;
    double squares = 0;
    for (const double feature : features) sum += feature;
    const auto count = static_cast<double>(features.size());
    for (const double feature : features) squares += (feature - sum / count) * (feature - sum / count);
    const nlohmann::json state = nlohmann::json::parse(succeed(inspect()).out);
    EXPECT_EQ(state.at("rows"), features.size());
    EXPECT_NEAR(state.at("standardizer").at(0).at("mean"), sum / count, 1e-6);
    EXPECT_NEAR(state.at("standardizer").at(0).at("standard_deviation"), std::sqrt(squares / count), 1e-6);
  }
  [[nodiscard]] std::vector<std::int64_t> positions() const {
    const std::string state = succeed(inspect()).out;
    std::vector<std::int64_t> next;
    for (int partition = 0; partition < kPartitions; ++partition) {
      next.push_back(json_count(state, "/positions/" + topic_ + "/" + std::to_string(partition)));
    }
    return next;
  }

  std::mt19937 random_{11};
  std::int64_t written_ = 0;
  support::RecordProducer first_{broker_.brokers(), topic_ + "-1"};
  support::RecordProducer second_{broker_.brokers(), topic_ + "-2"};
};

TEST_F(MixedLog, TheTrainedSetIsWhatAReadCommittedConsumerReads) {
  broker_.create_topic(topic_, kPartitions);
  write(12, false);
  for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
    // The last record that is trained of each: compaction takes it, which must not look like another log.
    support::RecordProducer(broker_.brokers())
        .send(topic_, partition, {{"1", std::to_string(written_++) + ",1,1,1,1,1,1,1,1,1"}});
  }
  first_.begin_transaction();  // control records at the very end
  first_.send(topic_, 0, some_rows(3, false));
  first_.abort_transaction();
  std::vector<double> all = read_committed(broker_.brokers(), topic_, {0, 0});
  train_all();
  expect_trained(all);
  EXPECT_EQ(broker_.group_lag(group_, topic_), 0);

  const std::vector<std::int64_t> next = positions();
  const auto set_of_rest = [&] { return read_committed(broker_.brokers(), topic_, next); };
  write(12, true);
  const std::size_t before = set_of_rest().size();
  // The broker compacts segments that are closed: a record that comes later closes one.
  support::TopicAdmin(broker_.brokers())
      .configure_topic(
          topic_,
          {{"cleanup.policy", "compact"}, {"segment.ms", "100"}, {"min.cleanable.dirty.ratio", "0.01"}});
  const auto deadline = std::chrono::steady_clock::now() + kRunLimit;
  std::vector<double> rest = set_of_rest();
  while (rest.size() + 20 > before) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "nothing was compacted";
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    support::RecordProducer(broker_.brokers()).send(topic_, 0, some_rows(1, true));
    support::RecordProducer(broker_.brokers()).send(topic_, 1, some_rows(1, true));
    rest = set_of_rest();
  }
  // Compaction goes on; nothing changes any more once it is switched off.
  support::TopicAdmin(broker_.brokers()).configure_topic(topic_, {{"cleanup.policy", "delete"}});
  rest = set_of_rest();
  for (std::vector<double> again = set_of_rest(); again != rest; again = set_of_rest()) rest = again;
  train_all();
  all.insert(all.end(), rest.begin(), rest.end());
  expect_trained(all);
  EXPECT_EQ(broker_.group_lag(group_, topic_), 0);
}

}  // namespace
}  // namespace millrace
