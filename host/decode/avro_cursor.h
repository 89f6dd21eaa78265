// Takes the values of a datum apart, one after the other (Avro's specification, "Binary encoding").
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace millrace {

// Where reading stands in a datum.
struct AvroCursor {
  const char* at;
  const char* end;

  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end - at); }

  // A zig-zag number of at most ten bytes.
  bool take_long(std::int64_t& value) {
    std::uint64_t bits = 0;
    for (unsigned shift = 0; shift < 70 && at != end; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at++);
      if (shift == 63 && byte > 1) return false;
      bits |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) {
        value = static_cast<std::int64_t>(bits >> 1) ^ -static_cast<std::int64_t>(bits & 1);
        return true;
      }
    }
    return false;
  }
  template <typename T>
  bool take(T& value) {
    if (left() < sizeof value) return false;
    std::memcpy(&value, at, sizeof value);  // little-endian, as all machines that this is built for
    at += sizeof value;
    return true;
  }
  bool take_bytes(std::string_view& bytes) {
    std::int64_t size = 0;
    if (!take_long(size) || size < 0 || static_cast<std::uint64_t>(size) > left()) return false;
    bytes = {at, static_cast<std::size_t>(size)};
    at += size;
    return true;
  }
  bool pass(std::size_t bytes) {
    if (left() < bytes) return false;
    at += bytes;
    return true;
  }
  // The head of a block of an array or a map. `bytes` < 0: its size is not told. False: broken.
  bool take_block(std::uint64_t& count, std::int64_t& bytes) {
    std::int64_t head = 0;
    bytes = -1;
    if (!take_long(head)) return false;
    count = head < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(head) : static_cast<std::uint64_t>(head);
    return head >= 0 || (take_long(bytes) && bytes >= 0 && static_cast<std::uint64_t>(bytes) <= left());
  }
};

}  // namespace millrace
