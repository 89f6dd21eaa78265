// Asks the leaders of all partitions, once a second, where their logs end, and tells the answers on.
//
// A broker that hangs (a stopped process, a cut cable) keeps its connections, so no error says that it is
// gone; only an answer that stays away does. Idle reading tells nothing either: a client whose queues are
// full asks for nothing. So this asks by itself, whatever the reading does.
//
// Owned by the source; has a thread of its own.
#pragma once

#include <condition_variable>
#include <librdkafka/rdkafka.h>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "millrace/position.h"

#include "kafka/broker_answers.h"

namespace millrace {

class BrokerPulse {
 public:
  // The handle outlives it.
  BrokerPulse(rd_kafka_t* handle, std::span<const TopicPartition> partitions,
              std::shared_ptr<BrokerAnswers> answers);
  BrokerPulse(const BrokerPulse&) = delete;
  BrokerPulse& operator=(const BrokerPulse&) = delete;
  ~BrokerPulse();  // within the patience of one question

  // One more partition, of the next index. Any thread.
  void add(const TopicPartition& partition);

  // The thread ends after the question that is under way. The destructor does the same, and waits.
  void request_stop();

 private:
  void run();
  void ask(rd_kafka_topic_partition_list_t* list);

  rd_kafka_t* const handle_;
  const std::shared_ptr<BrokerAnswers> answers_;

  std::mutex mutex_;
  std::condition_variable stop_requested_;
  std::vector<TopicPartition> partitions_;  // guarded by mutex_
  bool stopping_ = false;                   // guarded by mutex_
  std::thread thread_;                      // last: it uses all of the above
};

}  // namespace millrace
