#include "kafka/log_range.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kElectionPause{50};

// While leaders change hands.
bool passes_by_itself(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
         code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE || code == RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE ||
         code == RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH || code == RD_KAFKA_RESP_ERR__TRANSPORT;
}

// A protocol's ListOffsets takes a time, or -2 and -1 for the two ends of the log; so does librdkafka's
// look-up by time, which sends one request per leader for all partitions.
std::vector<std::int64_t> list_offsets(const Client& client, std::span<const TopicPartition> partitions,
                                       std::int64_t timestamp, Clock::time_point deadline) {
  constexpr std::string_view kOperation = "asking for the range of the log";
  std::vector<std::int64_t> offsets(partitions.size());
  if (partitions.empty()) return offsets;
  for (;;) {
    const PartitionListOwner list = make_partition_list(partitions, timestamp);
    const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(
        client.handle(), list.get(), static_cast<int>(std::max<std::int64_t>(0, patience.count())));
    if (code == RD_KAFKA_RESP_ERR__TIMED_OUT) throw client.no_answer(code, kOperation);
    for (std::size_t index = 0; index < partitions.size() && code == RD_KAFKA_RESP_ERR_NO_ERROR; ++index) {
      const rd_kafka_topic_partition_t& answer = list->elems[index];
      code = answer.err;
      offsets[index] = answer.offset;
      if (!passes_by_itself(code)) {
        kafka_check(code, kOperation, {}, partitions[index].topic, partitions[index].partition);
      }
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return offsets;
    if (!passes_by_itself(code)) kafka_check(code, kOperation);
    if (Clock::now() >= deadline) throw client.no_answer(code, kOperation);
    std::this_thread::sleep_for(kElectionPause);
  }
}

}  // namespace

std::vector<LogRange> log_ranges(const Client& client, std::span<const TopicPartition> partitions) {
  return log_ranges(client, partitions, 2 * client.timeout());
}

std::vector<LogRange> log_ranges(const Client& client, std::span<const TopicPartition> partitions,
                                 std::chrono::milliseconds at_most) {
  const std::vector<std::int64_t> begins =
      list_offsets(client, partitions, RD_KAFKA_OFFSET_BEGINNING, Clock::now() + at_most / 2);
  const std::vector<std::int64_t> ends =
      list_offsets(client, partitions, RD_KAFKA_OFFSET_END, Clock::now() + at_most / 2);
  std::vector<LogRange> ranges(partitions.size());
  for (std::size_t index = 0; index < ranges.size(); ++index) ranges[index] = {begins[index], ends[index]};
  return ranges;
}

std::vector<std::int64_t> offsets_at_time(const Client& client, std::span<const TopicPartition> partitions,
                                          std::int64_t timestamp_ms) {
  return list_offsets(client, partitions, timestamp_ms, Clock::now() + client.timeout());
}

PartitionListOwner make_partition_list(std::span<const TopicPartition> partitions, std::int64_t offset) {
  PartitionListOwner list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const TopicPartition& partition : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)->offset =
        offset;
  }
  return list;
}

}  // namespace millrace
