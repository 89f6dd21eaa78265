// A message of librdkafka's as a view.
#pragma once

#include <librdkafka/rdkafka.h>
#include <memory>

#include "millrace/record.h"

namespace millrace {

struct MessageDestroyer {
  void operator()(rd_kafka_message_t* message) const noexcept { rd_kafka_message_destroy(message); }
};
using MessageOwner = std::unique_ptr<rd_kafka_message_t, MessageDestroyer>;

// Without headers. Valid until the message is destroyed.
inline void view(const rd_kafka_message_t& message, RecordView& record) {
  const auto bytes_of = [](const void* data, std::size_t size) {
    return std::string_view(static_cast<const char*>(data), size);
  };
  record.message = &message;
  record.offset = message.offset;
  record.timestamp_ms = rd_kafka_message_timestamp(&message, nullptr);
  record.has_key = message.key != nullptr;
  if (record.has_key) record.key = bytes_of(message.key, message.key_len);
  record.has_value = message.payload != nullptr;
  if (record.has_value) record.value = bytes_of(message.payload, message.len);
}

inline RecordView view_of(const rd_kafka_message_t& message) {
  RecordView record;
  view(message, record);
  return record;
}

}  // namespace millrace
