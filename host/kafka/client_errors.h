// From librdkafka's error codes to KafkaError, and the memory of what went wrong in the background.
#pragma once

#include <cstdint>
#include <librdkafka/rdkafka.h>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/errors.h"

namespace millrace {

[[nodiscard]] KafkaError::Kind kind_of(rd_kafka_resp_err_t code);

// Whether librdkafka's consumer tries again by itself after telling of the error.
[[nodiscard]] bool consumer_recovers_from(rd_kafka_resp_err_t code);

// A topic or a partition that was there is not there any more, or so a broker says.
[[nodiscard]] bool tells_of_vanishing(rd_kafka_resp_err_t code);

// Throws KafkaError unless the code says that all is well. An empty detail becomes librdkafka's sentence.
void kafka_check(rd_kafka_resp_err_t code, std::string_view operation, std::string_view detail = {},
                 const std::string& topic = {}, std::int32_t partition = -1);

struct KafkaErrorDestroyer {
  void operator()(rd_kafka_error_t* error) const noexcept { rd_kafka_error_destroy(error); }
};
using KafkaErrorOwner = std::unique_ptr<rd_kafka_error_t, KafkaErrorDestroyer>;

// The same for functions that tell more than a code; null says that all is well.
void kafka_check(KafkaErrorOwner error, std::string_view operation, const std::string& topic = {},
                 std::int32_t partition = -1);

// librdkafka tells the callers of its functions that something timed out, and its error callback why. This
// keeps the why: of all that was told, the last one of the most telling kind (security before network).
// Any thread.
class ErrorMemory {
 public:
  struct Told {
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    std::string text;
  };

  void note(rd_kafka_resp_err_t code, std::string_view text);

  [[nodiscard]] std::optional<Told> most_telling() const;
  // Security was refused: to try again is pointless.
  [[nodiscard]] bool hopeless() const;
  // A topic or a partition in use went away; null after it was taken.
  [[nodiscard]] std::optional<Told> take_vanished();

 private:
  mutable std::mutex mutex_;
  std::optional<Told> most_telling_;  // guarded by mutex_
  std::optional<Told> vanished_;      // guarded by mutex_
};

}  // namespace millrace
