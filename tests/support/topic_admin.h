// What befalls topics while they are read: deletion, more partitions, records deleted.
//
// One thread calls everything. Errors: std::runtime_error.
#pragma once

#include <cstdint>
#include <functional>
#include <librdkafka/rdkafka.h>
#include <map>
#include <string>

namespace millrace::support {

class TopicAdmin {
 public:
  explicit TopicAdmin(const std::string& brokers);
  TopicAdmin(const TopicAdmin&) = delete;
  TopicAdmin& operator=(const TopicAdmin&) = delete;
  ~TopicAdmin();

  // Records with offsets below `offset` are deleted.
  void delete_records(const std::string& topic, std::int32_t partition, std::int64_t offset);
  // Until the topic has so many. Returns when each has a leader.
  void add_partitions(const std::string& topic, int total);
  // Returns when the cluster no longer shows it.
  void delete_topic(const std::string& topic);
  // Configuration values of the topic; the others become the defaults.
  void configure_topic(const std::string& topic, const std::map<std::string, std::string>& configs);

 private:
  using Ask = std::function<void(rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue)>;
  void ask(rd_kafka_admin_op_t operation, const Ask& question);
  // -1: the topic is not there, or a partition has no leader.
  [[nodiscard]] int partitions_with_leaders(const std::string& topic);
  void await(const std::function<bool()>& condition, const std::string& what);

  rd_kafka_t* handle_;
};

}  // namespace millrace::support
