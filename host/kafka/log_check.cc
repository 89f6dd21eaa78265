#include "kafka/log_check.h"

#include <algorithm>

#include "kafka/last_records.h"
#include "kafka/log_range.h"

namespace millrace {

std::vector<LostLog> lost_logs(const Client& client, const ClientSettings& settings,
                               std::span<const ReadLog> logs, std::chrono::milliseconds at_most) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point deadline = Clock::now() + at_most;
  std::vector<TopicPartition> partitions;
  for (const ReadLog& log : logs) partitions.push_back(log.partition);
  const std::vector<LogRange> ranges = log_ranges(client, partitions, at_most);

  std::vector<LostLog> lost;
  std::vector<LastRecord> last_records;
  std::vector<std::size_t> indices;
  for (std::size_t index = 0; index < logs.size(); ++index) {
    const ReadLog& log = logs[index];
    if (const auto loss = loss_at(log.partition, log.next_offset, ranges[index])) {
      lost.push_back({index, *loss});
    } else if (log.last_record.offset >= ranges[index].begin) {
      last_records.push_back({log.partition, log.last_record});
      indices.push_back(index);
    }
  }
  ClientSettings within = settings;
  within.timeout = std::max(std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()),
                            std::chrono::milliseconds{1});
  for (const std::size_t replaced : replaced_records(within, last_records)) {
    const std::size_t index = indices[replaced];
    const ReadLog& log = logs[index];
    lost.push_back({index, {DataLossError::Kind::replaced, log.partition, log.next_offset, ranges[index]}});
  }
  return lost;
}

}  // namespace millrace
