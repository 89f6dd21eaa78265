#include "state/journal_format.h"

#include <bit>
#include <cstring>
#include <fmt/format.h>
#include <limits>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <xxhash.h>

#include "millrace/errors.h"

#include "state/checkpoint_header.h"

namespace millrace {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie in memory");

constexpr std::string_view kMagic = "millrjnl";
constexpr std::size_t kPrologueBytes = 32;
constexpr std::size_t kEntryPrologueBytes = 8;
constexpr std::size_t kChecksumBytes = 8;

// In the file.
enum class Kind : std::uint32_t { partition = 1, window = 2, roll_back = 3 };

std::uint64_t checksum_of(std::span<const std::byte> bytes, std::uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

class Writer {
 public:
  explicit Writer(std::string& bytes) : bytes_(bytes) {}

  template <typename Number>
    requires std::is_integral_v<Number>
  void put(Number value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void put(std::string_view text) { bytes_.append(text); }
  void put(const Position& position) {
    put(position.offset);
    put(position.row);
  }

 private:
  std::string& bytes_;
};

// Takes what was put, in the same order. Asking for more than there is gives zeros, and is told by `whole`.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : left_(bytes) {}

  template <typename Number>
    requires std::is_integral_v<Number>
  void take(Number& value) {
    whole_ = whole_ && left_.size() >= sizeof value;
    value = 0;
    if (!whole_) return;
    std::memcpy(&value, left_.data(), sizeof value);
    left_ = left_.subspan(sizeof value);
  }
  void take(Position& position) {
    take(position.offset);
    take(position.row);
  }
  // All that is left.
  std::string take_text() {
    const auto* const begin = reinterpret_cast<const char*>(left_.data());
    std::string text(begin, left_.size());
    left_ = {};
    return text;
  }
  [[nodiscard]] std::size_t left() const { return left_.size(); }
  // Nothing was missing, and nothing is left.
  [[nodiscard]] bool whole() const { return whole_ && left_.empty(); }

 private:
  std::span<const std::byte> left_;
  bool whole_ = true;
};

// --- one kind of entry after the other

Kind put_payload(Writer& writer, const PartitionStart& entry) {
  writer.put(entry.partition.partition);
  writer.put(entry.start);
  writer.put(std::string_view(entry.partition.topic));
  return Kind::partition;
}

Kind put_payload(Writer& writer, const JournalWindow& entry) {
  writer.put(entry.index);
  writer.put(entry.records);
  writer.put(entry.rows);
  writer.put(entry.rows_digest);
  for (const std::uint64_t count : entry.bad_records) writer.put(count);
  writer.put(static_cast<std::uint32_t>(entry.ranges.size()));
  for (const PartitionRange& range : entry.ranges) {
    writer.put(range.partition);
    writer.put(range.begin);
    writer.put(range.end);
    writer.put(range.records);
    writer.put(range.rows);
    writer.put(range.last_record.offset);
    writer.put(range.last_record.timestamp_ms);
    writer.put(range.last_record.hash);
  }
  return Kind::window;
}

Kind put_payload(Writer& writer, const JournalRollBack& entry) {
  writer.put(entry.sequence);
  writer.put(entry.rows);
  return Kind::roll_back;
}

template <typename Entry>
std::uint64_t encode_entry(const Entry& entry, std::uint64_t seed, std::string& bytes) {
  const std::size_t begin = bytes.size();
  Writer writer(bytes);
  writer.put(std::uint64_t{0});  // length and kind, known at the end
  const Kind kind = put_payload(writer, entry);
  const auto payload = static_cast<std::uint32_t>(bytes.size() - begin - kEntryPrologueBytes);
  std::memcpy(bytes.data() + begin, &payload, sizeof payload);
  std::memcpy(bytes.data() + begin + sizeof payload, &kind, sizeof kind);
  const std::uint64_t checksum = checksum_of(std::as_bytes(std::span(bytes).subspan(begin)), seed);
  writer.put(checksum);
  return checksum;
}

PartitionStart partition_of(Reader& reader) {
  PartitionStart entry;
  reader.take(entry.partition.partition);
  reader.take(entry.start);
  entry.partition.topic = reader.take_text();
  return entry;
}

// `partitions`: how many were named so far. Nothing: a range names another one.
std::optional<JournalWindow> window_of(Reader& reader, std::size_t partitions) {
  constexpr std::size_t kRangeBytes = 4 + 2 * 12 + 5 * 8;
  JournalWindow entry;
  reader.take(entry.index);
  reader.take(entry.records);
  reader.take(entry.rows);
  reader.take(entry.rows_digest);
  for (std::uint64_t& count : entry.bad_records) reader.take(count);
  std::uint32_t ranges = 0;
  reader.take(ranges);
  if (ranges != reader.left() / kRangeBytes) return std::nullopt;
  for (std::uint32_t i = 0; i < ranges; ++i) {
    PartitionRange range;
    reader.take(range.partition);
    reader.take(range.begin);
    reader.take(range.end);
    reader.take(range.records);
    reader.take(range.rows);
    reader.take(range.last_record.offset);
    reader.take(range.last_record.timestamp_ms);
    reader.take(range.last_record.hash);
    if (range.partition >= partitions) return std::nullopt;
    entry.ranges.push_back(range);
  }
  return entry;
}

JournalRollBack roll_back_of(Reader& reader) {
  JournalRollBack entry;
  reader.take(entry.sequence);
  reader.take(entry.rows);
  return entry;
}

// Nothing: a payload that no writer makes.
std::optional<JournalEntry> entry_of(Kind kind, std::span<const std::byte> payload, std::size_t partitions) {
  Reader reader(payload);
  std::optional<JournalEntry> entry;
  switch (kind) {
    case Kind::partition:
      entry = partition_of(reader);
      break;
    case Kind::window:
      if (auto window = window_of(reader, partitions)) entry = *std::move(window);
      break;
    case Kind::roll_back:
      entry = roll_back_of(reader);
      break;
  }
  return reader.whole() ? entry : std::nullopt;
}

template <typename Number>
Number number_at(std::span<const std::byte> bytes, std::size_t at) {
  Number value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Entries up to the first that is not whole.
void read_entries(std::span<const std::byte> bytes, std::uint64_t seed, JournalSegment& segment) {
  std::size_t partitions = 0;
  while (!bytes.empty()) {
    const auto number = segment.entries.size();
    if (bytes.size() < kEntryPrologueBytes + kChecksumBytes) {
      segment.trouble = fmt::format("it ends within its entry {}", number);
      return;
    }
    const std::size_t payload = number_at<std::uint32_t>(bytes, 0);
    const auto kind = number_at<std::uint32_t>(bytes, 4);
    if (payload > bytes.size() - kEntryPrologueBytes - kChecksumBytes) {
      segment.trouble = fmt::format("it ends within its entry {}", number);
      return;
    }
    const std::size_t checked = kEntryPrologueBytes + payload;
    seed = checksum_of(bytes.first(checked), seed);
    auto entry =
        seed == number_at<std::uint64_t>(bytes, checked)
            ? entry_of(static_cast<Kind>(kind), bytes.subspan(kEntryPrologueBytes, payload), partitions)
            : std::nullopt;
    if (!entry) {
      segment.trouble = fmt::format("its entry {} is damaged", number);
      return;
    }
    if (std::holds_alternative<PartitionStart>(*entry)) ++partitions;
    segment.entries.push_back(*std::move(entry));
    bytes = bytes.subspan(checked + kChecksumBytes);
  }
}

}  // namespace

std::string encode_journal_header(const JournalHeader& header, const std::string& path) {
  const std::string settings = write_settings(header.settings, path);
  std::string bytes;
  Writer writer(bytes);
  writer.put(kMagic);
  writer.put(kJournalFormatVersion);
  writer.put(static_cast<std::uint32_t>(settings.size()));
  writer.put(header.sequence);
  writer.put(header.trained_digest);
  writer.put(std::string_view(settings));
  writer.put(checksum_of(std::as_bytes(std::span(bytes))));
  return bytes;
}

std::uint64_t journal_header_checksum(std::string_view header) {
  return number_at<std::uint64_t>(std::as_bytes(std::span(header)), header.size() - kChecksumBytes);
}

std::uint64_t encode_journal_entry(const PartitionStart& entry, std::uint64_t seed, std::string& bytes) {
  return encode_entry(entry, seed, bytes);
}
std::uint64_t encode_journal_entry(const JournalWindow& entry, std::uint64_t seed, std::string& bytes) {
  return encode_entry(entry, seed, bytes);
}
std::uint64_t encode_journal_entry(const JournalRollBack& entry, std::uint64_t seed, std::string& bytes) {
  return encode_entry(entry, seed, bytes);
}

bool has_journal_magic(std::span<const std::byte> first_bytes) {
  return first_bytes.size() >= kMagic.size() &&
         std::memcmp(first_bytes.data(), kMagic.data(), kMagic.size()) == 0;
}

JournalSegment decode_journal(std::span<const std::byte> bytes, const std::string& path) {
  const auto damaged = [&](const std::string& detail) {
    return StateError(StateError::Kind::damaged, path, detail);
  };
  if (bytes.size() < kPrologueBytes + kChecksumBytes) {
    throw damaged(fmt::format("it is cut off after {} bytes", bytes.size()));
  }
  if (!has_journal_magic(bytes)) {
    throw damaged("it is not a journal of millrace");
  }
  const std::size_t settings = number_at<std::uint32_t>(bytes, 12);
  if (settings > bytes.size() - kPrologueBytes - kChecksumBytes) {
    throw damaged("it is cut off within its settings");
  }
  const std::size_t checked = kPrologueBytes + settings;
  const std::uint64_t checksum = checksum_of(bytes.first(checked));
  if (checksum != number_at<std::uint64_t>(bytes, checked)) {
    throw damaged("the checksum of its header does not match");
  }
  const auto version = number_at<std::uint32_t>(bytes, 8);
  if (version > kJournalFormatVersion) {
    throw StateError(StateError::Kind::newer_version, path,
                     fmt::format("it has format {}, and this millrace reads formats up to {}", version,
                                 kJournalFormatVersion));
  }
  JournalSegment segment;
  segment.header.sequence = number_at<std::uint64_t>(bytes, 16);
  segment.header.trained_digest = number_at<std::uint64_t>(bytes, 24);
  try {
    const auto* const text = reinterpret_cast<const char*>(bytes.data()) + kPrologueBytes;
    segment.header.settings = read_settings({text, settings});
  } catch (const CheckpointFormatError& error) {
    throw damaged(error.what());
  }
  read_entries(bytes.subspan(checked + kChecksumBytes), checksum, segment);
  return segment;
}

}  // namespace millrace
