#include "kafka/offset_committer.h"

#include <algorithm>
#include <spdlog/spdlog.h>

namespace millrace {
namespace {

rd_kafka_resp_err_t first_error(rd_kafka_event_t* answer) {
  if (const rd_kafka_resp_err_t code = rd_kafka_event_error(answer)) return code;
  const rd_kafka_topic_partition_list_t* list = rd_kafka_event_topic_partition_list(answer);
  for (int index = 0; list != nullptr && index < list->cnt; ++index) {
    if (list->elems[index].err != RD_KAFKA_RESP_ERR_NO_ERROR) return list->elems[index].err;
  }
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

}  // namespace

OffsetCommitter::OffsetCommitter(rd_kafka_t* handle)
    : handle_(handle), answers_(rd_kafka_queue_new(handle)) {}

void OffsetCommitter::commit_async(std::span<const CommitOffset> offsets) {
  serve();
  if (offsets.empty()) return;
  const PartitionListOwner list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const CommitOffset& commit : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), commit.partition.topic.c_str(), commit.partition.partition)
        ->offset = commit.offset;
  }
  ++outstanding_;
  const rd_kafka_resp_err_t code =
      rd_kafka_commit_queue(handle_, list.get(), answers_.get(), nullptr, nullptr);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  --outstanding_;
  count_failure(code);
}

void OffsetCommitter::serve() {
  while (!settled()) {
    rd_kafka_event_t* answer = rd_kafka_queue_poll(answers_.get(), 0);
    if (answer == nullptr) return;
    take_answer(answer);
  }
}

bool OffsetCommitter::settle(std::chrono::milliseconds at_most) {
  const auto deadline = std::chrono::steady_clock::now() + at_most;
  while (!settled()) {
    const auto patience =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (patience.count() <= 0) return false;
    rd_kafka_event_t* answer = rd_kafka_queue_poll(answers_.get(), static_cast<int>(patience.count()));
    if (answer != nullptr) take_answer(answer);
  }
  return true;
}

void OffsetCommitter::take_answer(rd_kafka_event_t* answer) {
  if (rd_kafka_event_type(answer) == RD_KAFKA_EVENT_OFFSET_COMMIT) {
    const rd_kafka_resp_err_t code = first_error(answer);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++committed_;
    } else {
      count_failure(code);
    }
    --outstanding_;
  }
  rd_kafka_event_destroy(answer);
}

void OffsetCommitter::count_failure(rd_kafka_resp_err_t code) {
  ++failed_;
  spdlog::warn("kafka: committing offsets failed: {} ({}); training does not depend on it",
               rd_kafka_err2str(code), rd_kafka_err2name(code));
}

}  // namespace millrace
