// The header of a packed float32 value (packed_decoder.h), for who reads and who writes it.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace millrace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie in memory");

struct PackedHeader {
  static constexpr std::uint32_t kMagic = 0x6B70726D;  // "mrpk"
  static constexpr std::uint16_t kVersion = 1;
  static constexpr std::uint16_t kLabelled = 1;

  std::uint32_t magic = kMagic;
  std::uint16_t version = kVersion;
  std::uint16_t flags = 0;
  std::uint32_t features = 0;
  std::uint32_t rows = 0;

  [[nodiscard]] bool labelled() const { return (flags & kLabelled) != 0; }
  [[nodiscard]] std::uint64_t value_bytes() const { return std::uint64_t{rows} * features * sizeof(float); }
  [[nodiscard]] std::uint64_t label_bytes() const {
    return labelled() ? std::uint64_t{rows} * sizeof(float) : 0;
  }
};
static_assert(sizeof(PackedHeader) == 16);

}  // namespace millrace
