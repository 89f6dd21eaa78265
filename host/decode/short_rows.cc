#include "decode/short_rows.h"

namespace millrace {

#ifdef MILLRACE_X86_ROWS
bool read_short_row_avx512(const char* value, std::size_t size, const ShortRowLayout& layout, float* row,
                           float& label);
#endif

ShortRowLayout short_row_layout(std::span<const std::int32_t> targets, char separator) {
  const bool is_digit = separator >= '0' && separator <= '9';
  if (targets.size() > ShortRowLayout::kMostFields || is_digit) return {};
  ShortRowLayout layout{.fields = static_cast<std::uint32_t>(targets.size()), .separator = separator};
  std::int32_t next = 0;
  for (std::size_t field = 0; field < targets.size(); ++field) {
    if (targets[field] == -1) layout.label = static_cast<std::int32_t>(field);
    if (targets[field] < 0) continue;
    if (targets[field] != next++) return {};
    layout.features |= 1U << field;
  }
  return layout;
}

ReadShortRow short_row_reader() {
#ifdef MILLRACE_X86_ROWS
  const bool runs = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
                    __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512vbmi") != 0 &&
                    __builtin_cpu_supports("avx512vbmi2") != 0 && __builtin_cpu_supports("popcnt") != 0;
  if (runs) return &read_short_row_avx512;
#endif
  return nullptr;
}

}  // namespace millrace
