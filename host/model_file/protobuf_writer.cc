#include "model_file/protobuf_writer.h"

namespace millrace {
namespace {

constexpr std::uint64_t kVarint = 0;
constexpr std::uint64_t kLengthDelimited = 2;

constexpr std::uint64_t tag(std::uint32_t field, std::uint64_t wire_type) {
  return std::uint64_t{field} << 3U | wire_type;
}

}  // namespace

ProtobufMessage& ProtobufMessage::integer(std::uint32_t field, std::int64_t value) {
  varint(tag(field, kVarint));
  varint(static_cast<std::uint64_t>(value));
  return *this;
}

ProtobufMessage& ProtobufMessage::text(std::uint32_t field, std::string_view value) {
  varint(tag(field, kLengthDelimited));
  varint(value.size());
  bytes_.append(value);
  return *this;
}

void ProtobufMessage::varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) bytes_ += static_cast<char>(value | 0x80U);
  bytes_ += static_cast<char>(value);
}

}  // namespace millrace
