#include "kafka/start_positions.h"

#include <algorithm>
#include <optional>
#include <variant>

#include "millrace/errors.h"

#include "kafka/last_records.h"

namespace millrace {
namespace {

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

bool reads_topic(std::span<const TopicPartition> partitions, const std::string& topic) {
  return std::any_of(partitions.begin(), partitions.end(),
                     [&](const TopicPartition& partition) { return partition.topic == topic; });
}

std::optional<std::size_t> index_of(std::span<const TopicPartition> partitions,
                                    const TopicPartition& wanted) {
  const auto found = std::lower_bound(partitions.begin(), partitions.end(), wanted);
  if (found == partitions.end() || *found != wanted) return std::nullopt;
  return static_cast<std::size_t>(found - partitions.begin());
}

// The index of a partition that --from names, of a topic that is read.
std::size_t require_partition(std::span<const TopicPartition> partitions, const TopicPartition& wanted) {
  if (const std::optional<std::size_t> index = index_of(partitions, wanted)) return *index;
  const auto count =
      std::count_if(partitions.begin(), partitions.end(),
                    [&](const TopicPartition& partition) { return partition.topic == wanted.topic; });
  throw KafkaError(KafkaError::Kind::partition_missing, "resolving where to start",
                   rd_kafka_err2name(RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION),
                   "--from names it, but the topic has " + std::to_string(count) + " partitions",
                   wanted.topic, wanted.partition);
}

using Starts = std::vector<std::optional<Position>>;

void take_known(const StartQuestion& question, Starts& starts, DataLosses& losses) {
  for (const TrainedPosition& trained : question.known) {
    if (!reads_topic(question.partitions, trained.partition.topic)) continue;
    for (std::size_t index = 0; index < starts.size(); ++index) {
      const bool is_of_topic = question.partitions[index].topic == trained.partition.topic;
      if (is_of_topic && !starts[index]) starts[index] = Position{question.ranges[index].begin, 0};
    }
    if (const auto index = index_of(question.partitions, trained.partition)) {
      starts[*index] = trained.next;
    } else if (const auto loss = loss_at(trained.partition, trained.next.offset, {})) {
      losses.meet(*loss);  // a topic made anew with fewer partitions
    }
  }
}

// Goes back to the beginning of each log that is not the one that was read.
void leave_replaced_logs(const ClientSettings& settings, const StartQuestion& question,
                         std::vector<Position>& starts, DataLosses& losses) {
  std::vector<LastRecord> records;
  std::vector<std::size_t> indices;
  for (const TrainedPosition& trained : question.known) {
    const std::optional<std::size_t> index = index_of(question.partitions, trained.partition);
    if (!index || starts[*index] != trained.next) continue;
    const std::int64_t offset = trained.last_record.offset;
    if (offset < std::max<std::int64_t>(0, question.ranges[*index].begin) ||
        offset >= question.ranges[*index].end) {
      continue;
    }
    records.push_back({trained.partition, trained.last_record});
    indices.push_back(*index);
  }
  for (const std::size_t replaced : replaced_records(settings, records)) {
    const std::size_t index = indices[replaced];
    starts[index] = {.offset = losses.meet({DataLossError::Kind::replaced, question.partitions[index],
                                            starts[index].offset, question.ranges[index]})};
  }
}

// Where each partition would begin by the rule alone.
std::vector<std::int64_t> by_rule(const Client& client, std::span<const TopicPartition> partitions,
                                  std::span<const LogRange> ranges, const StartRule& rule) {
  std::vector<std::int64_t> offsets(partitions.size());
  const auto fill = [&](auto offset_of) {
    for (std::size_t index = 0; index < offsets.size(); ++index) offsets[index] = offset_of(index);
  };
  const auto beginning = [&](std::size_t index) { return ranges[index].begin; };
  const auto end = [&](std::size_t index) { return ranges[index].end; };
  std::visit(
      Overloaded{
          [&](const StartResume&) { fill(beginning); },
          [&](const StartBeginning&) { fill(beginning); },
          [&](const StartEnd&) { fill(end); },
          [&](const StartOffset& start) { fill([&](std::size_t) { return start.offset; }); },
          [&](const StartOffsets& start) {
            fill(beginning);
            for (const auto& [partition, offset] : start.offsets) {
              if (!reads_topic(partitions, partition.topic)) {
                throw OptionError(OptionError::Kind::conflict, "--from", partition.topic,
                                  "names the topic " + partition.topic + ", which is not read");
              }
              offsets[require_partition(partitions, partition)] = offset;
            }
          },
          [&](const StartTime& start) {
            // The ends were asked for before, so that nothing newer is passed over.
            const auto found = offsets_at_time(client, partitions, start.timestamp_ms);
            fill([&](std::size_t index) { return found[index] < 0 ? ranges[index].end : found[index]; });
          },
          [&](const StartLag& start) {
            fill([&](std::size_t index) {
              return std::max(ranges[index].begin, ranges[index].end - start.records);
            });
          },
      },
      rule);
  return offsets;
}

}  // namespace

std::vector<Position> start_positions(const Client& client, const ClientSettings& settings,
                                      const StartQuestion& question, DataLosses& losses) {
  Starts starts(question.partitions.size());
  if (!question.rewind) take_known(question, starts, losses);
  if (!std::all_of(starts.begin(), starts.end(), [](const auto& start) { return start.has_value(); })) {
    const std::vector<std::int64_t> offsets =
        by_rule(client, question.partitions, question.ranges, question.rule);
    for (std::size_t index = 0; index < starts.size(); ++index) {
      if (!starts[index]) starts[index] = Position{offsets[index], 0};
    }
  }
  std::vector<Position> positions;
  for (std::size_t index = 0; index < starts.size(); ++index) {
    // Of a record that was cut, at least one row was read: the log reached beyond it.
    const std::int64_t least_end = starts[index]->offset + (starts[index]->row > 0 ? 1 : 0);
    auto loss = loss_at(question.partitions[index], starts[index]->offset, question.ranges[index]);
    if (!loss && least_end > question.ranges[index].end) {
      loss = loss_at(question.partitions[index], least_end, question.ranges[index]);
    }
    positions.push_back(loss ? Position{.offset = losses.meet(*loss)} : *starts[index]);
  }
  if (!question.rewind) leave_replaced_logs(settings, question, positions, losses);
  return positions;
}

}  // namespace millrace
