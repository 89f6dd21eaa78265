// A dead-letter topic: bad records as they came, with headers that say where they stood and what is wrong.
//
// A letter has the key, the value, the headers and the timestamp of its record, byte for byte, and after
// those headers the ones that Kafka Connect adds (KIP-298), so that tools for its dead-letter queues read
// millrace's:
// `__connect.errors.` followed by topic, partition, offset, connector.name, task.id, stage, class.name,
// exception.class.name and exception.message; every value is text. A timestamp that the record lacks becomes
// the time of sending.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <librdkafka/rdkafka.h>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "millrace/bad_record_sink.h"
#include "millrace/record.h"

#include "kafka/client.h"

namespace millrace {

// What the headers say of a bad record besides where it stood.
struct LetterText {
  std::string stage;       // where it happened, in Connect's words: VALUE_CONVERTER
  std::string class_name;  // what found it bad
  std::string reason;      // as bad records are counted
  std::string sentence;
};

struct DeadLetterSettings {
  ClientSettings client;
  std::string topic;
  std::string connector;                             // who sends: the consumer group
  std::size_t memory_bytes = std::size_t{16} << 20;  // of letters on their way; one larger one is sent alone
};

// Sends with a producer of its own, idempotent: a letter stands in the topic once, whatever the network did.
// The topic must exist; it is looked for, never made, by the constructor.
//
// Invariants beyond those of BadRecordSink: (1) safe means acknowledged by all replicas in sync; (2) a letter
// is acknowledged or has failed within message.timeout.ms, so no wait is longer; (3) destruction takes about
// two seconds at most, whatever the broker does, and what was not acknowledged by then may be lost.
// Errors: KafkaError.
class DeadLetters final : public BadRecordSink {
 public:
  using Explain = std::function<LetterText(const DecodeOutcome& outcome)>;

  // `source` names the partitions; it gave the records.
  DeadLetters(const DeadLetterSettings& settings, const RecordSource& source, Explain explain);
  ~DeadLetters() override;

  std::uint64_t take_async(std::uint32_t partition, const RecordView& record,
                           const DecodeOutcome& outcome) override;
  [[nodiscard]] bool wait(std::uint64_t number) override;
  void stop() noexcept override;

  // Any thread.
  [[nodiscard]] std::uint64_t acknowledged() const;

 private:
  struct Letter {
    Letter(DeadLetters* its_owner, std::uint64_t its_number, std::size_t its_bytes)
        : number(its_number), bytes(its_bytes), owner(its_owner) {
      owner.store(its_owner, std::memory_order_release);
    }
    std::uint64_t number;
    std::size_t bytes;
    bool acknowledged = false;
    std::atomic<DeadLetters*> owner;  // last: who loads it sees the rest
  };
  struct Failure {
    std::uint64_t number = 0;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    std::string detail;
  };
  using Headers = std::vector<std::pair<std::string, std::string>>;

  // On the thread that listens, and in the destructor.
  static void on_delivery(rd_kafka_t* handle, const rd_kafka_message_t* message, void* opaque);
  // Waits for room; null once stopped.
  Letter* add(std::size_t bytes);
  void settle(Letter& letter, rd_kafka_resp_err_t code, std::string_view detail);
  [[nodiscard]] Headers own_headers(std::uint32_t partition, const RecordView& record,
                                    const DecodeOutcome& outcome) const;
  [[noreturn]] void throw_failure(const Failure& failure) const;

  // Constant after construction.
  const std::string topic_;
  const std::string connector_;
  const std::size_t most_bytes_;
  const RecordSource& source_;
  const Explain explain_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<Letter> letters_;  // from the first that is not acknowledged; librdkafka points to them
  std::uint64_t taken_ = 0;
  std::uint64_t safe_ = 0;  // the first so many are acknowledged
  std::uint64_t acknowledged_ = 0;
  std::size_t bytes_ = 0;           // on their way
  std::optional<Failure> failure_;  // the one of the lowest number
  bool stopped_ = false;

  Client client_;
  TopicOwner handle_;       // before the client goes
  std::jthread listening_;  // hears of acknowledgements; ends before everything above
};

}  // namespace millrace
