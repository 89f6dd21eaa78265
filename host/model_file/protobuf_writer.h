// Protocol Buffers' wire format, as far as writing a message needs it: varints and
// length-delimited fields (https://protobuf.dev/programming-guides/encoding).
//
// A message is the concatenation of its fields; a nested one is a field that holds bytes. Plain value; one
// thread at a time. Nothing here knows a schema: numbers and types of fields are the caller's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

class ProtobufMessage {
 public:
  ProtobufMessage& integer(std::uint32_t field, std::int64_t value);
  ProtobufMessage& text(std::uint32_t field, std::string_view value);  // strings and bytes
  ProtobufMessage& message(std::uint32_t field, const ProtobufMessage& value) {
    return text(field, value.bytes_);
  }

  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  void varint(std::uint64_t value);

  std::string bytes_;
};

}  // namespace millrace
