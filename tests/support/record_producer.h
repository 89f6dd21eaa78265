// Writes records as they are, byte for byte, to the partitions that a test names; in transactions where it
// asks.
//
// One thread calls everything. Errors: std::runtime_error.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace::support {

struct RawRecord {
  std::optional<std::string> key;    // nothing: null
  std::optional<std::string> value;  // nothing: null
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  std::int64_t timestamp_ms = 0;  // 0: now
};

class RecordProducer {
 public:
  // With a transactional id, every send belongs to a transaction.
  explicit RecordProducer(const std::string& brokers, const std::string& transactional_id = {});
  RecordProducer(const RecordProducer&) = delete;
  RecordProducer& operator=(const RecordProducer&) = delete;
  ~RecordProducer();

  // Returns when the broker has them all.
  void send(const std::string& topic, std::int32_t partition, const std::vector<RawRecord>& records);

  void begin_transaction();
  // Of a group without members, or one that does not mind who speaks for it.
  void send_offset(const std::string& group, const std::string& topic, std::int32_t partition,
                   std::int64_t offset);
  void commit_transaction();
  void abort_transaction();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::support
