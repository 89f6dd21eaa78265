// Records of topics as a member of a consumer group: the group shares the partitions among its members, and
// its committed offsets say where reading begins.
//
// For those who commit offsets together with what they made of the records (transactional_producer.h), so
// this class commits nothing. What was polled is `done` when it is part of the open transaction, and
// committed when that is. Positions are numbers from the moment a partition is assigned, those of partitions
// that the group has no offset for included.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <librdkafka/rdkafka.h>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/position.h"
#include "millrace/record.h"

#include "kafka/client.h"
#include "kafka/data_loss.h"
#include "kafka/fetch_limits.h"
#include "kafka/message_view.h"

namespace millrace {

struct GroupReaderSettings {
  ClientSettings client;
  std::vector<std::string> topics;
  std::string group;
  std::string instance;   // a name that outlives the process (KIP-345, static membership); may be empty
  bool from_end = false;  // where partitions begin that the group has no offset for
  OnDataLoss on_data_loss = OnDataLoss::stop;
  std::size_t memory_bytes = std::size_t{64} << 20;  // of what is fetched and not yet polled
  RecordSize record_size = RecordSize::small;
};

struct GroupMetadataDestroyer {
  void operator()(rd_kafka_consumer_group_metadata_t* metadata) const noexcept {
    rd_kafka_consumer_group_metadata_destroy(metadata);
  }
};
using GroupMetadata = std::unique_ptr<rd_kafka_consumer_group_metadata_t, GroupMetadataDestroyer>;

// Invariants: (1) a record is polled again after it was polled only where `go_back`, or another member,
// begins at what is committed; (2) before partitions go, `let_go` runs, inside `poll` or `leave`: what was
// done of them can be committed there, unless they are lost already; (3) after it, nothing of them is polled
// or committed. One thread. Errors: KafkaError, DataLossError.
class GroupReader {
 public:
  using LetGo = std::function<void(bool lost)>;

  // Asks for the topics, which must exist, and joins nothing yet.
  GroupReader(const GroupReaderSettings& settings, LetGo let_go);
  GroupReader(const GroupReader&) = delete;
  GroupReader& operator=(const GroupReader&) = delete;
  ~GroupReader();

  // The partitions there are, and where their logs end for a read_committed reader.
  struct End {
    TopicPartition partition;
    std::int64_t offset = 0;
  };
  [[nodiscard]] std::vector<End> ends_now() const;

  // Once, before the first poll.
  void join();

  // What has come, up to `most` records; waits for the first. Each partition's records come in order. The
  // views of the poll before are void.
  std::span<const RecordView> poll(std::size_t most, std::chrono::milliseconds at_most);
  // Of a record of the last poll.
  [[nodiscard]] const TopicPartition& partition_of(std::size_t index) const {
    return shares_[index]->partition;
  }

  // The first `count` records of the last poll are done, and all that came before them.
  void done(std::size_t count);
  // Whether anything is done that is not committed, and what to commit. Positions pass control records.
  [[nodiscard]] bool has_moved() const;
  [[nodiscard]] std::vector<CommitOffset> done_offsets() const;
  // That became committed.
  void committed();
  // Reads again from what is committed, or from where reading began.
  void go_back();

  // Whether partitions were assigned, be it none; and whether those assigned are done up to these ends.
  [[nodiscard]] bool has_joined() const { return joined_; }
  [[nodiscard]] bool reached(std::span<const End> ends) const;

  // Who commits, so that the group can refuse one that it has given up (KIP-447): the member and the
  // generation that the partitions were assigned to. Not librdkafka's newest: of a member that was evicted
  // and does not know yet it would say nobody, and offsets from nobody are refused by no one.
  [[nodiscard]] const GroupMetadata& membership() const { return membership_; }
  [[nodiscard]] std::vector<CommitOffset> committed_offsets() const;
  [[nodiscard]] const DataLosses& losses() const { return losses_; }

  // Gives the partitions back and leaves the group; an instance with a name stays a member.
  void leave();

 private:
  // A partition that is assigned.
  struct Share {
    TopicPartition partition;
    std::int64_t read = 0;  // polled up to here
    std::int64_t done = 0;  // in the open transaction, or committed
    std::int64_t base = 0;  // committed, or where reading began
    bool committed = false;
  };

  // librdkafka's thread of C calls lies between: an error waits in trouble_ until it returns.
  void rebalance(rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions);
  void take_over(const rd_kafka_topic_partition_list_t& partitions);
  void give_up(const rd_kafka_topic_partition_list_t& partitions);
  [[nodiscard]] std::vector<std::int64_t> ask_for_committed(std::span<const TopicPartition> partitions) const;
  void throw_trouble();

  void take(MessageOwner message);
  void take_error(const rd_kafka_message_t& message);
  void find_again(Share& share);
  [[nodiscard]] Share* share_of(const char* topic, std::int32_t partition);
  void seek(std::span<Share* const> shares);
  void clear_polled();

  const GroupReaderSettings settings_;
  const LetGo let_go_;
  DataLosses losses_;
  std::vector<std::unique_ptr<Share>> assigned_;
  bool joined_ = false;
  Share* last_share_ = nullptr;  // records come in runs
  std::exception_ptr trouble_;
  std::unique_ptr<Client> client_;
  GroupMetadata membership_;
  // Of the last poll; before the client goes.
  std::vector<MessageOwner> messages_;
  std::vector<RecordView> views_;
  std::vector<Share*> shares_;
};

}  // namespace millrace
