#include "kafka/admin.h"

#include <array>
#include <chrono>
#include <fmt/format.h>
#include <memory>
#include <thread>

#include "millrace/errors.h"

#include "kafka/log_range.h"

namespace millrace {
namespace {

constexpr std::chrono::milliseconds kLookPause{20};

struct NewTopicDestroyer {
  void operator()(rd_kafka_NewTopic_t* topic) const noexcept { rd_kafka_NewTopic_destroy(topic); }
};
struct DeleteTopicDestroyer {
  void operator()(rd_kafka_DeleteTopic_t* topic) const noexcept { rd_kafka_DeleteTopic_destroy(topic); }
};
struct AdminOptionsDestroyer {
  void operator()(rd_kafka_AdminOptions_t* options) const noexcept { rd_kafka_AdminOptions_destroy(options); }
};
struct EventDestroyer {
  void operator()(rd_kafka_event_t* event) const noexcept { rd_kafka_event_destroy(event); }
};

Client make_admin_client(const ClientSettings& settings) {
  return {ClientRole::consumer, settings, {}, {{"isolation.level", "read_committed"}}};
}

// What the cluster says to a request about one topic.
struct Answer {
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string detail;
};

Answer answer_of(const rd_kafka_topic_result_t* result) {
  const char* const text = rd_kafka_topic_result_error_string(result);
  return {rd_kafka_topic_result_error(result), text != nullptr ? text : ""};
}

// `send(options, queue)` asks; `result_of(event)` finds the one topic's result in what comes back.
template <class Send, class ResultOf>
Answer ask(const Client& client, rd_kafka_admin_op_t request, const std::string& operation, const Send& send,
           const ResultOf& result_of) {
  const QueueOwner queue(rd_kafka_queue_new(client.handle()));
  const std::unique_ptr<rd_kafka_AdminOptions_t, AdminOptionsDestroyer> options(
      rd_kafka_AdminOptions_new(client.handle(), request));
  std::array<char, 256> reason{};
  const auto timeout = static_cast<int>(client.timeout().count());
  kafka_check(rd_kafka_AdminOptions_set_request_timeout(options.get(), timeout, reason.data(), reason.size()),
              operation, reason.data());
  kafka_check(
      rd_kafka_AdminOptions_set_operation_timeout(options.get(), timeout, reason.data(), reason.size()),
      operation, reason.data());
  send(options.get(), queue.get());
  const std::unique_ptr<rd_kafka_event_t, EventDestroyer> event(rd_kafka_queue_poll(queue.get(), -1));
  if (const rd_kafka_resp_err_t code = rd_kafka_event_error(event.get())) {
    return {code, rd_kafka_event_error_string(event.get())};
  }
  return answer_of(result_of(event.get()));
}

Answer ask_to_create(const Client& client, rd_kafka_NewTopic_t* topic, const std::string& operation) {
  return ask(
      client, RD_KAFKA_ADMIN_OP_CREATETOPICS, operation,
      [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
        rd_kafka_CreateTopics(client.handle(), &topic, 1, options, queue);
      },
      [](rd_kafka_event_t* event) {
        std::size_t count = 0;
        return rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)[0];
      });
}

Answer ask_to_delete(const Client& client, rd_kafka_DeleteTopic_t* topic, const std::string& operation) {
  return ask(
      client, RD_KAFKA_ADMIN_OP_DELETETOPICS, operation,
      [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
        rd_kafka_DeleteTopics(client.handle(), &topic, 1, options, queue);
      },
      [](rd_kafka_event_t* event) {
        std::size_t count = 0;
        return rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count)[0];
      });
}

std::optional<TopicDescription> describe(const Client& client, const std::string& topic) {
  const std::optional<std::int32_t> count = client.partition_count(topic);
  if (!count) return std::nullopt;
  std::vector<TopicPartition> partitions;
  for (std::int32_t partition = 0; partition < *count; ++partition) partitions.push_back({topic, partition});
  const std::vector<LogRange> ranges = log_ranges(client, partitions);
  TopicDescription description{topic, {}};
  for (std::size_t index = 0; index < partitions.size(); ++index) {
    description.partitions.push_back({partitions[index].partition, ranges[index].begin, ranges[index].end});
  }
  return description;
}

}  // namespace

std::optional<TopicDescription> describe_topic(const ClientSettings& settings, const std::string& topic) {
  return describe(make_admin_client(settings), topic);
}

void create_topic(const ClientSettings& settings, const std::string& topic, int partitions,
                  int replication_factor) {
  const std::string operation = "creating topic " + topic;
  std::array<char, 256> reason{};
  const std::unique_ptr<rd_kafka_NewTopic_t, NewTopicDestroyer> wanted(
      rd_kafka_NewTopic_new(topic.c_str(), partitions, replication_factor, reason.data(), reason.size()));
  if (!wanted) kafka_check(RD_KAFKA_RESP_ERR__INVALID_ARG, operation, reason.data(), topic);

  const Client client = make_admin_client(settings);
  static_cast<void>(client.partition_count(topic));  // a cluster that does not answer is told of here
  const auto [code, detail] = ask_to_create(client, wanted.get(), operation);
  if (code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) kafka_check(code, operation, detail, topic);

  const auto deadline = std::chrono::steady_clock::now() + client.timeout();
  for (;;) {
    const std::optional<std::int32_t> seen = client.partition_count(topic);
    if (seen && *seen != partitions && code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
      kafka_check(code, operation, fmt::format("it exists with {} partitions, not {}", *seen, partitions),
                  topic);
    }
    if (seen && *seen == partitions) break;
    if (std::chrono::steady_clock::now() >= deadline) {
      kafka_check(RD_KAFKA_RESP_ERR__TIMED_OUT, operation, "the cluster took it, but does not show it",
                  topic);
    }
    std::this_thread::sleep_for(kLookPause);
  }
  static_cast<void>(describe(client, topic));  // asks every leader
}

void delete_topic(const ClientSettings& settings, const std::string& topic) {
  const std::string operation = "deleting topic " + topic;
  const std::unique_ptr<rd_kafka_DeleteTopic_t, DeleteTopicDestroyer> unwanted(
      rd_kafka_DeleteTopic_new(topic.c_str()));
  const Client client = make_admin_client(settings);
  static_cast<void>(client.partition_count(topic));  // a cluster that does not answer is told of here
  const auto [code, detail] = ask_to_delete(client, unwanted.get(), operation);
  kafka_check(code, operation, detail, topic);
}

}  // namespace millrace
