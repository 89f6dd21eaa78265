#include "support/cluster_client.h"

#include <array>
#include <functional>
#include <stdexcept>
#include <thread>

namespace millrace::support {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr std::size_t kErrorTextBytes = 512;
constexpr int kMetadataMs = 5000;

// False: no answer, or not about this topic alone.
bool look_at(rd_kafka_t* handle, const std::string& topic,
             const std::function<bool(const rd_kafka_metadata_topic&)>& judge) {
  rd_kafka_topic_t* which = rd_kafka_topic_new(handle, topic.c_str(), nullptr);
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error = rd_kafka_metadata(handle, 0, which, &metadata, kMetadataMs);
  rd_kafka_topic_destroy(which);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
  const bool verdict = metadata->topic_cnt == 1 && judge(metadata->topics[0]);
  rd_kafka_metadata_destroy(metadata);
  return verdict;
}

}  // namespace

ClusterClient::ClusterClient(const std::string& brokers) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  std::array<char, kErrorTextBytes> text{};
  rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), text.data(), text.size());
  rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "500", text.data(), text.size());
  // A broker that is starting refuses connections: nothing to report.
  rd_kafka_conf_set_log_cb(conf, nullptr);
  handle_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text.data(), text.size());
  if (handle_ == nullptr) throw std::runtime_error(text.data());
}

int ClusterClient::broker_count(milliseconds at_most) const {
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(handle_, 0, nullptr, &metadata, static_cast<int>(at_most.count())) != 0) return 0;
  const int count = metadata->broker_cnt;
  rd_kafka_metadata_destroy(metadata);
  return count;
}

bool ClusterClient::has_leaders(const std::string& topic, int partitions, int in_sync) const {
  return look_at(handle_, topic, [&](const rd_kafka_metadata_topic& found) {
    int good = 0;
    for (int index = 0; index < found.partition_cnt; ++index) {
      const rd_kafka_metadata_partition& partition = found.partitions[index];
      if (partition.leader >= 0 && partition.isr_cnt >= in_sync) ++good;
    }
    return good == partitions;
  });
}

int ClusterClient::leader_of(const std::string& topic, int partition) const {
  int leader = -1;
  look_at(handle_, topic, [&](const rd_kafka_metadata_topic& found) {
    for (int index = 0; index < found.partition_cnt; ++index) {
      if (found.partitions[index].id == partition) leader = found.partitions[index].leader;
    }
    return true;
  });
  return leader;
}

void ClusterClient::create_topic(const std::string& name, int partitions, int replicas,
                                 const std::map<std::string, std::string>& configs) {
  std::array<char, kErrorTextBytes> text{};
  rd_kafka_NewTopic_t* topic =
      rd_kafka_NewTopic_new(name.c_str(), partitions, replicas, text.data(), text.size());
  if (topic == nullptr) throw std::runtime_error(text.data());
  for (const auto& [key, value] : configs) rd_kafka_NewTopic_set_config(topic, key.c_str(), value.c_str());
  rd_kafka_queue_t* queue = rd_kafka_queue_new(handle_);
  rd_kafka_CreateTopics(handle_, &topic, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 30'000);
  std::string failure;
  if (event == nullptr) {
    failure = "no answer";
  } else if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    failure = rd_kafka_event_error_string(event);
  } else {
    std::size_t count = 0;
    const rd_kafka_topic_result_t** results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    if (count != 1) {
      failure = "no result";
    } else if (rd_kafka_topic_result_error(results[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      failure = rd_kafka_topic_result_error_string(results[0]);
    }
  }
  if (event != nullptr) rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy(topic);
  if (!failure.empty()) throw std::runtime_error("creating topic " + name + ": " + failure);

  const auto deadline = steady_clock::now() + seconds(30);
  while (!has_leaders(name, partitions, replicas)) {
    if (steady_clock::now() > deadline) throw std::runtime_error("topic " + name + " has no leaders");
    std::this_thread::sleep_for(milliseconds(5));
  }
}

}  // namespace millrace::support
