#include "decode/packed_decoder.h"

#include <algorithm>
#include <cstring>

#include "millrace/errors.h"

#include "decode/field_outcome.h"
#include "decode/packed_layout.h"

namespace millrace {
namespace {

std::uint32_t bits_at(const char* numbers, std::size_t index) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, numbers + index * sizeof bits, sizeof bits);
  return bits;
}

// Without branches, so that a compiler makes vectors of both.
bool is_infinite(std::uint32_t bits) { return (bits & 0x7FFFFFFFU) == 0x7F800000U; }
bool is_no_label(std::uint32_t bits) {
  constexpr std::uint32_t kOne = 0x3F800000U;
  constexpr std::uint32_t kMinusZero = 0x80000000U;
  return (bits > kOne) & (bits != kMinusZero);
}

// The first of the numbers that the test is true of; `count` where there is none. A block is tested as a
// whole, at the speed of memory, and looked through only where something is wrong.
template <bool (*kIsWrong)(std::uint32_t)>
std::size_t find_wrong(const char* numbers, std::size_t count) {
  constexpr std::size_t kBlock = 2048;
  for (std::size_t begin = 0; begin < count; begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, count);
    std::uint32_t wrong = 0;
    for (std::size_t i = begin; i < end; ++i)
      wrong |= static_cast<std::uint32_t>(kIsWrong(bits_at(numbers, i)));
    if (wrong == 0) continue;
    std::size_t first = begin;
    while (!kIsWrong(bits_at(numbers, first))) ++first;
    return first;
  }
  return count;
}

DecodeOutcome bad_at(BadRecordReason reason, std::size_t row, std::size_t field) {
  return {.good = false,
          .reason = reason,
          .field = static_cast<std::int32_t>(field),
          .row = static_cast<std::int32_t>(row)};
}

}  // namespace

PackedDecoder::PackedDecoder(const DecoderSettings& settings)
    : features_(settings.features),
      label_(settings.label),
      max_record_bytes_(settings.max_record_bytes),
      names_(settings.feature_names) {
  using Kind = OptionError::Kind;
  if (!settings.columns.empty()) {
    throw OptionError(Kind::conflict, "--columns", settings.columns.front(),
                      "packed records hold the features and nothing else; name them with --features, in "
                      "their order");
  }
  if (features_ == 0 || (!names_.empty() && names_.size() != features_)) {
    throw OptionError(Kind::conflict, "--features", std::to_string(features_),
                      std::to_string(names_.size()) + " features are named");
  }
}

std::string PackedDecoder::field_name(std::int32_t field) const {
  if (field < 0) return {};
  const auto index = static_cast<std::size_t>(field);
  if (index == features_) return label_.name;
  return names_.empty() ? std::to_string(index + 1) : names_.at(index);
}

PackedDecoder::Table PackedDecoder::table_of(const RecordView& record) const {
  using Reason = BadRecordReason;
  if (!record.has_value) return {.outcome = bad(Reason::tombstone)};
  const std::string_view value = record.value;
  if (value.size() > max_record_bytes_) return {.outcome = bad(Reason::too_large)};
  PackedHeader header;
  if (value.size() < sizeof header) return {.outcome = bad(Reason::malformed)};
  std::memcpy(&header, value.data(), sizeof header);
  const bool known = header.magic == PackedHeader::kMagic && header.version == PackedHeader::kVersion &&
                     (header.flags & ~PackedHeader::kLabelled) == 0;
  if (!known || header.rows == 0) return {.outcome = bad(Reason::malformed)};
  if (header.features != features_) return {.outcome = bad(Reason::column_count)};
  if (header.rows > value.size() / sizeof(float)) return {.outcome = bad(Reason::malformed)};
  const std::uint64_t told = sizeof header + header.value_bytes() + header.label_bytes();
  if (value.size() != told) return {.outcome = bad(Reason::malformed)};

  Table table{.outcome = kGood, .rows = header.rows, .values = value.data() + sizeof header};
  if (label_.from == LabelRule::From::column) {
    if (!header.labelled()) return {.outcome = bad(Reason::label_missing)};
    table.labels = table.values + header.value_bytes();
  } else {
    table.outcome = decode_label_beside(record, label_.from, table.label);
  }
  return table;
}

PackedDecoder::Table PackedDecoder::checked_table_of(const RecordView& record) const {
  Table table = table_of(record);
  if (!table.outcome.good) return table;
  const std::size_t numbers = std::size_t{table.rows} * features_;
  const std::size_t infinite = find_wrong<is_infinite>(table.values, numbers);
  if (infinite < numbers) {
    return {.outcome = bad_at(BadRecordReason::not_finite, infinite / features_, infinite % features_)};
  }
  if (table.labels == nullptr) return table;
  const std::size_t row = find_wrong<is_no_label>(table.labels, table.rows);
  if (row < table.rows) {
    const bool missing = (bits_at(table.labels, row) & 0x7FFFFFFFU) > 0x7F800000U;
    return {.outcome = bad_at(missing ? BadRecordReason::label_missing : BadRecordReason::label_invalid, row,
                              features_)};
  }
  return table;
}

std::uint32_t PackedDecoder::rows_of(const RecordView& record) const {
  const Table table = checked_table_of(record);
  return table.outcome.good ? table.rows : 1;
}

void PackedDecoder::decode(std::span<const RecordView> records, std::uint32_t first_row, float* values,
                           float* labels, std::span<DecodeOutcome> outcomes) const {
  std::size_t place = 0;
  for (const RecordView& record : records) {
    if (place == outcomes.size()) return;
    // A record that has a row behind its first one was looked at before: it is good.
    const Table table = first_row > 0 ? table_of(record) : checked_table_of(record);
    if (!table.outcome.good || first_row >= table.rows) {
      outcomes[place++] = table.outcome.good ? bad(BadRecordReason::malformed) : table.outcome;
    } else {
      const std::size_t rows = std::min<std::size_t>(table.rows - first_row, outcomes.size() - place);
      const std::size_t row_bytes = features_ * sizeof(float);
      std::memcpy(values + place * features_, table.values + first_row * row_bytes, rows * row_bytes);
      if (table.labels != nullptr) {
        std::memcpy(labels + place, table.labels + first_row * sizeof(float), rows * sizeof(float));
      } else {
        std::fill_n(labels + place, rows, table.label);
      }
      std::fill_n(outcomes.begin() + static_cast<std::ptrdiff_t>(place), rows, kGood);
      place += rows;
    }
    first_row = 0;
  }
}

}  // namespace millrace
