#include "support/topic_admin.h"

#include <array>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>

namespace millrace::support {
namespace {

constexpr int kTimeoutMs = 30'000;
constexpr std::size_t kErrorTextBytes = 512;

void check(rd_kafka_resp_err_t code, const char* text) {
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  throw std::runtime_error(text != nullptr ? text : rd_kafka_err2str(code));
}

// The errors of single topics and partitions.
void check_results(rd_kafka_event_t* event) {
  std::size_t count = 0;
  const rd_kafka_topic_result_t** topics = nullptr;
  if (const auto* created = rd_kafka_event_CreatePartitions_result(event)) {
    topics = rd_kafka_CreatePartitions_result_topics(created, &count);
  } else if (const auto* deleted = rd_kafka_event_DeleteTopics_result(event)) {
    topics = rd_kafka_DeleteTopics_result_topics(deleted, &count);
  }
  for (std::size_t i = 0; i < count; ++i) {
    check(rd_kafka_topic_result_error(topics[i]), rd_kafka_topic_result_error_string(topics[i]));
  }
  if (const auto* altered = rd_kafka_event_AlterConfigs_result(event)) {
    const rd_kafka_ConfigResource_t** resources = rd_kafka_AlterConfigs_result_resources(altered, &count);
    for (std::size_t i = 0; i < count; ++i) {
      check(rd_kafka_ConfigResource_error(resources[i]), rd_kafka_ConfigResource_error_string(resources[i]));
    }
  }
  if (const auto* emptied = rd_kafka_event_DeleteRecords_result(event)) {
    const rd_kafka_topic_partition_list_t* partitions = rd_kafka_DeleteRecords_result_offsets(emptied);
    for (int i = 0; i < partitions->cnt; ++i) check(partitions->elems[i].err, nullptr);
  }
}

}  // namespace

TopicAdmin::TopicAdmin(const std::string& brokers) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  std::array<char, kErrorTextBytes> text{};
  rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), text.data(), text.size());
  rd_kafka_conf_set_log_cb(conf, nullptr);
  handle_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text.data(), text.size());
  if (handle_ == nullptr) throw std::runtime_error(text.data());
}

TopicAdmin::~TopicAdmin() { rd_kafka_destroy(handle_); }

void TopicAdmin::ask(rd_kafka_admin_op_t operation, const Ask& question) {
  const std::unique_ptr<rd_kafka_queue_t, decltype(&rd_kafka_queue_destroy)> queue(
      rd_kafka_queue_new(handle_), &rd_kafka_queue_destroy);
  const std::unique_ptr<rd_kafka_AdminOptions_t, decltype(&rd_kafka_AdminOptions_destroy)> options(
      rd_kafka_AdminOptions_new(handle_, operation), &rd_kafka_AdminOptions_destroy);
  question(options.get(), queue.get());
  const std::unique_ptr<rd_kafka_event_t, decltype(&rd_kafka_event_destroy)> event(
      rd_kafka_queue_poll(queue.get(), kTimeoutMs), &rd_kafka_event_destroy);
  if (!event) throw std::runtime_error("the broker did not answer");
  check(rd_kafka_event_error(event.get()), rd_kafka_event_error_string(event.get()));
  check_results(event.get());
}

void TopicAdmin::delete_records(const std::string& topic, std::int32_t partition, std::int64_t offset) {
  rd_kafka_topic_partition_list_t* before = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(before, topic.c_str(), partition)->offset = offset;
  rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(before);
  rd_kafka_topic_partition_list_destroy(before);
  ask(RD_KAFKA_ADMIN_OP_DELETERECORDS, [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
    rd_kafka_DeleteRecords(handle_, &request, 1, options, queue);
    rd_kafka_DeleteRecords_destroy(request);
  });
}

void TopicAdmin::add_partitions(const std::string& topic, int total) {
  std::array<char, kErrorTextBytes> text{};
  rd_kafka_NewPartitions_t* request =
      rd_kafka_NewPartitions_new(topic.c_str(), static_cast<std::size_t>(total), text.data(), text.size());
  if (request == nullptr) throw std::runtime_error(text.data());
  ask(RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
    rd_kafka_CreatePartitions(handle_, &request, 1, options, queue);
    rd_kafka_NewPartitions_destroy(request);
  });
  await([&] { return partitions_with_leaders(topic) == total; }, topic + " has no more partitions");
}

void TopicAdmin::delete_topic(const std::string& topic) {
  rd_kafka_DeleteTopic_t* request = rd_kafka_DeleteTopic_new(topic.c_str());
  ask(RD_KAFKA_ADMIN_OP_DELETETOPICS, [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
    rd_kafka_DeleteTopics(handle_, &request, 1, options, queue);
    rd_kafka_DeleteTopic_destroy(request);
  });
  await([&] { return partitions_with_leaders(topic) < 0; }, topic + " is still there");
}

void TopicAdmin::configure_topic(const std::string& topic,
                                 const std::map<std::string, std::string>& configs) {
  rd_kafka_ConfigResource_t* resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
  for (const auto& [name, value] : configs) {
    rd_kafka_ConfigResource_set_config(resource, name.c_str(), value.c_str());
  }
  ask(RD_KAFKA_ADMIN_OP_ALTERCONFIGS, [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
    rd_kafka_AlterConfigs(handle_, &resource, 1, options, queue);
    rd_kafka_ConfigResource_destroy(resource);
  });
}

int TopicAdmin::partitions_with_leaders(const std::string& topic) {
  rd_kafka_topic_t* name = rd_kafka_topic_new(handle_, topic.c_str(), nullptr);
  const rd_kafka_metadata_t* metadata = nullptr;
  check(rd_kafka_metadata(handle_, 0, name, &metadata, kTimeoutMs), nullptr);
  const rd_kafka_metadata_topic_t& found = metadata->topics[0];
  int partitions = found.err == RD_KAFKA_RESP_ERR_NO_ERROR ? found.partition_cnt : -1;
  for (int i = 0; i < found.partition_cnt; ++i) {
    if (found.partitions[i].leader < 0) partitions = -1;
  }
  rd_kafka_metadata_destroy(metadata);
  rd_kafka_topic_destroy(name);
  return partitions;
}

void TopicAdmin::await(const std::function<bool()>& condition, const std::string& what) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kTimeoutMs);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error(what);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace millrace::support
