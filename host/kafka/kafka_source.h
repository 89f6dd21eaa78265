// The consumer: records of Kafka topics as a RecordSource.
//
// All partitions of the topics are assigned by hand at numbers that were fixed at construction, or when they
// were found; the broker's group only hears of progress. Several instances of librdkafka may share them, one
// more handle asks and commits. Each partition has a queue of its own, so a partition that is not pulled
// holds up no other one, and stops being fetched when its share of the memory budget is used.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <librdkafka/rdkafka.h>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/position.h"
#include "millrace/record.h"

#include "kafka/broker_answers.h"
#include "kafka/broker_pulse.h"
#include "kafka/client.h"
#include "kafka/consumer.h"
#include "kafka/data_loss.h"
#include "kafka/event_fd.h"
#include "kafka/fetch_limits.h"
#include "kafka/log_check.h"
#include "kafka/offset_committer.h"
#include "kafka/partition_watch.h"
#include "kafka/start_rule.h"

namespace millrace {

struct SourceSettings {
  ClientSettings client;
  std::vector<std::string> topics;
  std::string group;  // that commits go to; empty: nothing is ever committed
  StartRule start;    // of partitions that are not in `known`
  std::vector<TrainedPosition> known;
  bool rewind = false;  // `start` holds for known partitions too
  std::optional<std::string> label_header;
  OnDataLoss on_data_loss = OnDataLoss::stop;
  std::chrono::milliseconds discover_every{0};  // 0: partitions that are added later are not looked for
  // For what is fetched and not yet pulled. It is shared among the partitions that are there at the start;
  // one that is found later takes as much as each of them, until the next start.
  std::size_t memory_bytes = std::size_t{256} << 20;
  RecordSize record_size = RecordSize::small;
  unsigned consumers = 0;                  // instances that share the partitions; 0: as many as pay
  std::shared_ptr<BrokerAnswers> answers;  // told from start to close that brokers answer; may be null
};

// Invariants beyond those of RecordSource:
// (1) the constructor fetches nothing: it asks the cluster what there is and fixes every start; `start`
// fetches; (2) an end of the log is told by `pull` again and again until more records follow it; (3) `wait`
// may be trusted by a caller who, since the last `wait`, pulled each partition that it wants until fewer
//     records came than it asked for: what arrives after that ends the wait;
// (4) batches that were filled are cleared before the source is closed; (5) a log that was cut or made anew
// while it was read is noticed where a position lies outside it, and where a topic or a log seems to have
// been away: then the last record that was read of each partition is looked up again, which blocks for a
// while. `start` comes before everything that reads. One thread calls everything but `wake`, `commit_async`,
// `end_offsets` and the counters, which any thread may call until `close`. Errors: DataLossError, KafkaError,
// OptionError (constructor).
class KafkaSource final : public RecordSource {
 public:
  explicit KafkaSource(const SourceSettings& settings);
  ~KafkaSource() override;  // closes; waits for a few seconds at most

  // By partition index; starts and ends are of the partitions that were there at the start.
  [[nodiscard]] std::span<const TopicPartition> partitions() const override { return partitions_; }
  [[nodiscard]] std::span<const Position> starts() const { return starts_; }
  [[nodiscard]] std::span<const std::int64_t> ends_at_start() const { return ends_at_start_; }
  [[nodiscard]] std::size_t consumers() const { return consumers_.size(); }  // until close

  // Once.
  void start();

  PullOutcome pull(std::size_t index, std::size_t max_records, RecordBatch& batch) override;
  std::vector<PartitionStart> discover() override;
  Position recover(std::size_t index) override;
  void wait(std::chrono::milliseconds at_most) override;
  void wake() noexcept override { events_.signal(); }

  void commit_async(std::span<const CommitOffset> offsets);
  [[nodiscard]] std::uint64_t committed() const { return committer_->committed(); }
  [[nodiscard]] std::uint64_t failed_commits() const { return committer_->failed(); }

  [[nodiscard]] const DataLosses& losses() const { return losses_; }

  // The newest ends that librdkafka heard of (high watermarks), by partition index. Asks nobody.
  [[nodiscard]] std::vector<std::int64_t> end_offsets() const;

  // Waits for the answers to outstanding commits, then lets go of everything. False: the time was up before,
  // or a topic had vanished; then the connection was left alone on purpose, since librdkafka may hold it for
  // minutes or for ever, and the process should end through _exit. Nothing but destruction may follow.
  bool close(std::chrono::milliseconds at_most);

 private:
  struct Partition {
    std::int64_t next_offset = 0;
    RecordFingerprint last_record;  // of those that were pulled
    bool at_end = false;
    bool lost = false;  // until it is recovered
  };
  static constexpr std::size_t kPullChunk = 1024;

  // Which instance reads a partition, and what number the partition has there.
  [[nodiscard]] Consumer& consumer_of(std::size_t index) const {
    return *consumers_[index % consumers_.size()];
  }
  [[nodiscard]] std::size_t number_of(std::size_t index) const { return index / consumers_.size(); }

  // Takes what came off librdkafka: records, ends of the log, or errors to throw or to log.
  void take_chunk(std::size_t index, std::span<rd_kafka_message_t* const> messages, RecordBatch& batch);
  void take_other(std::size_t index, const rd_kafka_message_t& message);
  void take_error(const rd_kafka_message_t& message, std::size_t index);
  // What the partition lost, by what its log holds now.
  [[nodiscard]] DataLoss loss_of(std::size_t index) const;
  // Throws, or leaves the partition to recover().
  void lose(std::size_t index, const DataLoss& loss);
  // librdkafka told that a topic or a partition went away: asks again, since a cluster that restarts may err.
  void check_vanished();
  void require_partitions(const ErrorMemory::Told& told) const;
  // A log that ends before what was read of it was cut, or its new leader is not up to date yet.
  void check_ends();
  // False: the answers did not come in time.
  bool check_logs();

  const std::optional<std::string> label_header_;
  const bool commits_;
  const ClientSettings client_settings_;
  const std::chrono::milliseconds discover_every_;
  DataLosses losses_;
  std::vector<TopicPartition> partitions_;  // grown by the reading thread, guarded by growth_ for others
  mutable std::mutex growth_;
  std::vector<Position> starts_;             // constant after construction
  std::vector<std::int64_t> ends_at_start_;  // constant after construction

  EventFd events_;
  std::unique_ptr<Client> asking_;  // and committing; null after close
  std::optional<OffsetCommitter> committer_;
  std::vector<std::unique_ptr<Consumer>> consumers_;  // constant until close

  // Owned by the reading thread.
  std::vector<Partition> states_;
  std::optional<ErrorMemory::Told> vanished_;         // until all turn out to be there
  std::chrono::steady_clock::time_point next_look_;   // for what vanished
  std::chrono::steady_clock::time_point next_check_;  // of the ends
  std::array<rd_kafka_message_t*, kPullChunk> chunk_{};

  const std::shared_ptr<BrokerAnswers> answers_;
  // From start to close; they use the asking handle.
  std::optional<PartitionWatch> watch_;
  std::optional<BrokerPulse> pulse_;  // where somebody wants the answers
};

}  // namespace millrace
