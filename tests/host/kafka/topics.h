// What the tests of this folder share: topics in an embedded broker, filled and read back.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "kafka/embedded_broker.h"
#include "kafka/kafka_source.h"
#include "kafka/producer.h"

namespace millrace {

inline constexpr std::chrono::seconds kTestDeadline{30};

inline ClientSettings client_of(const EmbeddedBroker& broker) {
  return {broker.brokers(), {}, std::chrono::seconds{10}};
}

inline SourceSettings source_of(const EmbeddedBroker& broker, std::vector<std::string> topics) {
  SourceSettings settings;
  settings.client = client_of(broker);
  settings.topics = std::move(topics);
  return settings;
}

// The embedded broker makes every topic that is asked for, unless it is told to answer that there is none.
inline void deny_topic(const EmbeddedBroker& broker, const std::string& topic) {
  rd_kafka_mock_topic_set_error(broker.cluster(), topic.c_str(), RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
}

// Partition p of the topic gets `counts[p]` records with the values "p:0", "p:1", …
inline void fill(const EmbeddedBroker& broker, const std::string& topic, const std::vector<int>& counts) {
  TopicProducer producer(client_of(broker), topic, "murmur2_random");
  for (std::size_t partition = 0; partition < counts.size(); ++partition) {
    for (int record = 0; record < counts[partition]; ++record) {
      producer.send_to(static_cast<std::int32_t>(partition), "k",
                       std::to_string(partition) + ":" + std::to_string(record));
    }
  }
  producer.flush();
}

struct Copied {
  std::int64_t offset = 0;
  std::string value;
};

// Pulls and waits until `enough` says so after a pull of some partition; fails the test after the deadline.
template <typename Pulled>
void read_until(KafkaSource& source, std::size_t max_records, Pulled&& pulled,
                const std::function<bool()>& enough) {
  const auto deadline = std::chrono::steady_clock::now() + kTestDeadline;
  RecordBatch batch;
  while (!enough()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the records did not come";
    bool more = false;
    for (std::size_t index = 0; index < source.partitions().size(); ++index) {
      const PullOutcome outcome = source.pull(index, max_records, batch);
      EXPECT_EQ(outcome.appended, batch.size());
      EXPECT_LE(outcome.appended, max_records);
      more = more || outcome.appended == max_records;
      pulled(index, outcome, batch);
      batch.clear();
    }
    if (!more && !enough()) source.wait(std::chrono::milliseconds{1000});
  }
}

// Everything from the starts to the ends of all partitions.
inline std::vector<std::vector<Copied>> read_to_end(KafkaSource& source, std::size_t max_records = 100) {
  std::vector<std::vector<Copied>> records(source.partitions().size());
  std::vector<bool> at_end(records.size());
  read_until(
      source, max_records,
      [&](std::size_t index, const PullOutcome& outcome, const RecordBatch& batch) {
        for (const RecordView& record : batch.records()) {
          records[index].push_back({record.offset, std::string(record.value)});
        }
        at_end[index] = outcome.at_end;
      },
      [&] { return std::find(at_end.begin(), at_end.end(), false) == at_end.end(); });
  return records;
}

}  // namespace millrace
