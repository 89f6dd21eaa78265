#include "kafka/start_positions.h"

#include <algorithm>
#include <optional>
#include <variant>

#include "millrace/errors.h"

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

// The index of a partition of a topic that is read.
std::size_t require_partition(std::span<const TopicPartition> partitions, const TopicPartition& wanted,
                              const char* who) {
  const auto found = std::lower_bound(partitions.begin(), partitions.end(), wanted);
  if (found != partitions.end() && *found == wanted)
    return static_cast<std::size_t>(found - partitions.begin());
  const auto count =
      std::count_if(partitions.begin(), partitions.end(),
                    [&](const TopicPartition& partition) { return partition.topic == wanted.topic; });
  throw KafkaError(KafkaError::Kind::partition_missing, "resolving where to start",
                   rd_kafka_err2name(RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION),
                   std::string(who) + " names it, but the topic has " + std::to_string(count) + " partitions",
                   wanted.topic, wanted.partition);
}

using Starts = std::vector<std::optional<Position>>;

void take_known(std::span<const TopicPartition> partitions, std::span<const TrainedPosition> known,
                Starts& starts) {
  for (const TrainedPosition& trained : known) {
    if (!reads_topic(partitions, trained.partition.topic)) continue;
    starts[require_partition(partitions, trained.partition, "the state")] = trained.next;
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
              offsets[require_partition(partitions, partition, "--from")] = offset;
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

std::vector<Position> start_positions(const Client& client, std::span<const TopicPartition> partitions,
                                      std::span<const LogRange> ranges, const StartRule& rule,
                                      std::span<const TrainedPosition> known, bool rewind) {
  Starts starts(partitions.size());
  if (!rewind) take_known(partitions, known, starts);
  if (!std::all_of(starts.begin(), starts.end(), [](const auto& start) { return start.has_value(); })) {
    const std::vector<std::int64_t> offsets = by_rule(client, partitions, ranges, rule);
    for (std::size_t index = 0; index < starts.size(); ++index) {
      if (!starts[index]) starts[index] = Position{offsets[index], 0};
    }
  }
  std::vector<Position> positions;
  for (std::size_t index = 0; index < starts.size(); ++index) {
    const Position start = *starts[index];
    if (start.offset < ranges[index].begin || start.offset > ranges[index].end) {
      throw DataLossError(partitions[index], start.offset, ranges[index].begin, ranges[index].end);
    }
    positions.push_back(start);
  }
  return positions;
}

}  // namespace millrace
