#include "report/event_file.h"

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <system_error>
#include <unistd.h>

#include "millrace/errors.h"

namespace millrace {
namespace {

static_assert(std::endian::native == std::endian::little, "records and protobuf's fixed fields are");

// --- protobuf's encoding: https://protobuf.dev/programming-guides/encoding/

enum class WireType : std::uint32_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// Numbers of fields, from TensorFlow's event.proto and summary.proto.
constexpr std::uint32_t kEventWallTime = 1;     // double
constexpr std::uint32_t kEventStep = 2;         // int64
constexpr std::uint32_t kEventFileVersion = 3;  // string
constexpr std::uint32_t kEventSummary = 5;      // Summary
constexpr std::uint32_t kEventSessionLog = 7;   // SessionLog
constexpr std::uint32_t kSummaryValue = 1;      // repeated Value
constexpr std::uint32_t kValueTag = 1;          // string
constexpr std::uint32_t kValueSimple = 2;       // float
constexpr std::uint32_t kSessionStatus = 1;     // enum
constexpr std::uint64_t kSessionStart = 1;

void put_varint(std::string& to, std::uint64_t value) {
  constexpr std::uint64_t kMore = 0x80;
  for (; value >= kMore; value >>= 7U) to += static_cast<char>((value & (kMore - 1)) | kMore);
  to += static_cast<char>(value);
}

void put_tag(std::string& to, std::uint32_t field, WireType type) {
  put_varint(to, field << 3U | static_cast<std::uint32_t>(type));
}

template <typename Fixed>
void put_raw(std::string& to, Fixed value) {
  std::array<char, sizeof value> bytes{};
  std::memcpy(bytes.data(), &value, sizeof value);
  to.append(bytes.data(), bytes.size());
}

void put_bytes(std::string& to, std::uint32_t field, std::string_view bytes) {
  put_tag(to, field, WireType::bytes);
  put_varint(to, bytes.size());
  to += bytes;
}

// What every event begins with.
std::string event_at(double unix_seconds, std::int64_t step) {
  std::string event;
  put_tag(event, kEventWallTime, WireType::fixed64);
  put_raw(event, unix_seconds);
  if (step == 0) return event;
  put_tag(event, kEventStep, WireType::varint);
  put_varint(event, static_cast<std::uint64_t>(step));
  return event;
}

std::string scalar(const ScalarPoint& point) {
  std::string value;
  put_bytes(value, kValueTag, point.tag);
  put_tag(value, kValueSimple, WireType::fixed32);
  put_raw(value, static_cast<float>(point.value));
  return value;
}

// --- TFRecord: https://www.tensorflow.org/tutorials/load_data/tfrecord

constexpr std::array<std::uint32_t, 256> crc_table() {
  constexpr std::uint32_t kCastagnoli = 0x82f63b78;  // reflected
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? kCastagnoli : 0U);
    table[byte] = crc;
  }
  return table;
}

std::uint32_t masked_crc(std::string_view bytes) {
  constexpr std::uint32_t kMask = 0xa282ead8;
  return std::rotr(crc32c(bytes), 15) + kMask;
}

[[noreturn]] void fail(const std::filesystem::path& file, std::string_view operation, int error_number) {
  auto kind = StateError::Kind::io;
  if (error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG)
    kind = StateError::Kind::no_space;
  if (error_number == EACCES || error_number == EPERM || error_number == EROFS)
    kind = StateError::Kind::not_writable;
  throw StateError(kind, file.string(),
                   fmt::format("{}: {}", operation, std::generic_category().message(error_number)));
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr auto kTable = crc_table();
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) crc = kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xffU] ^ (crc >> 8U);
  return ~crc;
}

EventFile::EventFile(const std::filesystem::path& folder, double unix_seconds, std::int64_t first_step) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail(folder, "creating the folder", error.value());
  // TensorBoard reads the files of a folder in the order of their names.
  file_ = folder /
          fmt::format("events.out.tfevents.{:010.0f}.{}.{}.millrace", unix_seconds, host_name(), getpid());
  stream_.reset(std::fopen(file_.c_str(), "wbxe"));
  if (!stream_) fail(file_, "creating the file", errno);
  std::setvbuf(stream_.get(), nullptr, _IONBF, 0);

  std::string version = event_at(unix_seconds, 0);
  put_bytes(version, kEventFileVersion, "brain.Event:2");
  append(version);

  std::string session;
  put_tag(session, kSessionStatus, WireType::varint);
  put_varint(session, kSessionStart);
  std::string start = event_at(unix_seconds, first_step);
  put_bytes(start, kEventSessionLog, session);
  append(start);
}

void EventFile::write(double unix_seconds, std::int64_t step, std::span<const ScalarPoint> points) {
  std::string summary;
  for (const ScalarPoint& point : points) put_bytes(summary, kSummaryValue, scalar(point));
  std::string event = event_at(unix_seconds, step);
  put_bytes(event, kEventSummary, summary);
  append(event);
}

void EventFile::append(std::string_view event) {
  std::string record;
  put_raw(record, std::uint64_t{event.size()});
  put_raw(record, masked_crc(record));
  record += event;
  put_raw(record, masked_crc(event));
  if (std::fwrite(record.data(), 1, record.size(), stream_.get()) != record.size())
    fail(file_, "writing", errno);
}

}  // namespace millrace
