// Sends records to one topic in transactions, together with the offsets of what they were made of.
//
// Whatever happens to the process, a read_committed reader of the topic and the committed offsets of the
// group tell the same story: a record stands in the topic exactly where the offset of its source is
// committed.
#pragma once

#include <chrono>
#include <cstdint>
#include <librdkafka/rdkafka.h>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/position.h"

#include "kafka/client.h"
#include "kafka/group_reader.h"

namespace millrace {

struct OutgoingRecord {
  std::int32_t partition = 0;
  std::optional<std::string_view> key;  // nothing: null
  std::string_view value;
  std::span<const std::pair<std::string_view, std::string_view>> headers;
};

// The topic must exist. One thread calls everything.
//
// Invariants: (1) at most one transaction is open; (2) after `send` or `commit` gave false, only `abort` may
// follow; (3) a broker that is away is waited for, for as long as it takes. Errors: KafkaError; with the code
// _FENCED where another process has, or the cluster has ended, what this one had begun: then nothing more can
// come of this object.
class TransactionalProducer {
 public:
  // Ends what an earlier process of the same transactional id left open, and shuts that process out.
  TransactionalProducer(const ClientSettings& settings, const std::string& topic,
                        const std::string& transactional_id);
  TransactionalProducer(const TransactionalProducer&) = delete;
  TransactionalProducer& operator=(const TransactionalProducer&) = delete;
  ~TransactionalProducer();

  [[nodiscard]] std::int32_t partitions() const { return partitions_; }

  void begin();
  // Copies the record. False: the transaction has failed.
  [[nodiscard]] bool send(const OutgoingRecord& record);
  // Returns when records and offsets are committed. False: they are not, and the transaction has failed.
  [[nodiscard]] bool commit(std::span<const CommitOffset> offsets, const GroupMetadata& group);
  // Errors, besides those above: what made transactions fail, where trying again is pointless or has been in
  // vain for kPatience.
  void abort();

  static constexpr std::chrono::minutes kPatience{2};

 private:
  using Clock = std::chrono::steady_clock;
  struct Failure {
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    std::string detail;
  };

  static void on_delivery(rd_kafka_t* handle, const rd_kafka_message_t* message, void* opaque);
  // Calls until the answer is no longer that it should be tried again. False: the transaction has failed.
  template <typename Call>
  [[nodiscard]] bool attempt(std::string_view operation, const Call& call);
  [[noreturn]] void throw_fatal(std::string_view operation) const;

  const std::string topic_;
  bool open_ = false;
  std::optional<Failure> failure_;                  // of the open transaction, the first
  std::optional<Clock::time_point> in_vain_since_;  // no transaction was committed since
  Client client_;
  std::int32_t partitions_;
  TopicOwner handle_;  // before the client goes
};

}  // namespace millrace
