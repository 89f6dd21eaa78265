#include "state/checkpoint_format.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>
#include <xxhash.h>

#include "millrace/errors.h"

#include "state/checkpoint_header.h"

namespace millrace {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are written as they lie in memory");

constexpr std::string_view kMagic = "millrace";
constexpr std::size_t kVersionOffset = 8;
constexpr std::size_t kZeroOffset = 12;
constexpr std::size_t kFileBytesOffset = 16;
constexpr std::size_t kHeaderBytesOffset = 24;
constexpr std::size_t kAlignment = 64;
constexpr std::size_t kChecksumBytes = sizeof(XXH128_canonical_t);

constexpr std::uint64_t aligned(std::uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// Calls visit(name, array) for each tensor, in the order of the file.
template <typename Model, typename Visit>
void for_each_tensor(Model& model, const Visit& visit) {
  visit("parameters", model.parameters);
  visit("first_moment", model.first_moment);
  visit("second_moment", model.second_moment);
  visit("standardizer_count", model.standardizer.count);
  visit("standardizer_mean", model.standardizer.mean);
  visit("standardizer_m2", model.standardizer.m2);
}

template <typename Number>
constexpr const char* type_name(const std::vector<Number>& /*array*/) {
  static_assert(std::is_same_v<Number, float> || std::is_same_v<Number, double>);
  return std::is_same_v<Number, float> ? "float32" : "float64";
}

template <typename Number>
bool all_finite(const std::vector<Number>& values) {
  for (const Number value : values) {
    if (!std::isfinite(value)) return false;
  }
  return true;
}

bool all_finite(const Checkpoint& checkpoint) {
  const ModelState& model = checkpoint.model;
  const TrainingSettings& training = checkpoint.settings.training;
  return all_finite(model.parameters) && all_finite(model.first_moment) && all_finite(model.second_moment) &&
         all_finite(model.standardizer.count) && all_finite(model.standardizer.mean) &&
         all_finite(model.standardizer.m2) && std::isfinite(checkpoint.lifetime.seconds) &&
         std::isfinite(training.learning_rate) && std::isfinite(training.beta1) &&
         std::isfinite(training.beta2) && std::isfinite(training.epsilon);
}

// Whether the arrays are as long as the shape demands. Nothing overflows, whatever the widths.
bool lengths_match(const ModelState& model) {
  const std::vector<std::uint32_t>& widths = model.shape.widths;
  if (widths.size() < 2 || widths.back() != 1) return false;
  for (const std::uint32_t width : widths) {
    if (width == 0) return false;
  }
  std::uint64_t parameters = 0;
  for (std::size_t layer = 0; layer + 1 < widths.size(); ++layer) {
    const std::uint64_t of_layer = (std::uint64_t{widths[layer]} + 1) * widths[layer + 1];
    if (of_layer > model.parameters.size() - parameters) return false;
    parameters += of_layer;
  }
  const StandardizerState& standardizer = model.standardizer;
  return parameters == model.parameters.size() && parameters == model.first_moment.size() &&
         parameters == model.second_moment.size() &&
         (standardizer.count.empty() || standardizer.count.size() == widths.front()) &&
         standardizer.mean.size() == standardizer.count.size() &&
         standardizer.m2.size() == standardizer.count.size();
}

template <typename Integer>
void put(std::vector<std::byte>& bytes, std::size_t offset, Integer value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

XXH128_canonical_t checksum_of(std::span<const std::byte> bytes) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
  return canonical;
}

template <typename Integer>
Integer get(std::span<const std::byte> bytes, std::size_t offset) {
  Integer value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Copies the tensors out of `area`, the bytes between header and checksum, a multiple of the alignment. Each
// tensor must lie where the one before ends.
void read_tensors(const std::vector<TensorEntry>& entries, std::span<const std::byte> area,
                  ModelState& model) {
  auto entry = entries.begin();
  std::uint64_t begin = 0;
  for_each_tensor(model, [&](const char* name, auto& array) {
    using Number = typename std::decay_t<decltype(array)>::value_type;
    // `begin` never leaves the area: what fits into a multiple of the alignment fits with its padding too.
    const bool valid = entry != entries.end() && entry->name == name && entry->type == type_name(array) &&
                       entry->begin == begin && entry->count <= (area.size() - begin) / sizeof(Number);
    if (!valid)
      throw CheckpointFormatError(fmt::format("the entry of `{}` in its header is not valid", name));
    array.resize(static_cast<std::size_t>(entry->count));
    const std::size_t bytes = array.size() * sizeof(Number);
    if (bytes > 0) std::memcpy(array.data(), area.data() + begin, bytes);
    begin = aligned(begin + bytes);
    ++entry;
  });
  if (entry != entries.end() || begin != area.size()) {
    throw CheckpointFormatError("it holds more bytes than its header tells");
  }
  if (!lengths_match(model)) throw CheckpointFormatError("its tensors do not fit the network's shape");
}

}  // namespace

std::vector<std::byte> encode_checkpoint(const Checkpoint& checkpoint, const std::string& path) {
  if (!lengths_match(checkpoint.model)) throw std::logic_error("a model whose arrays do not fit its shape");
  if (!all_finite(checkpoint)) throw NumericalError(checkpoint.windows);

  std::vector<TensorEntry> entries;
  std::uint64_t tensor_bytes = 0;
  for_each_tensor(checkpoint.model, [&](const char* name, const auto& array) {
    entries.push_back({name, type_name(array), array.size(), tensor_bytes});
    tensor_bytes = aligned(tensor_bytes + std::as_bytes(std::span(array)).size());
  });
  const std::string header = write_checkpoint_header(checkpoint, entries, path);
  const std::uint64_t tensors_begin = aligned(kCheckpointPrologueBytes + header.size());
  const auto checksum_begin = static_cast<std::size_t>(tensors_begin + tensor_bytes);

  std::vector<std::byte> bytes(checksum_begin + kChecksumBytes);
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  put(bytes, kVersionOffset, kCheckpointFormatVersion);
  put(bytes, kFileBytesOffset, std::uint64_t{bytes.size()});
  put(bytes, kHeaderBytesOffset, std::uint64_t{header.size()});
  std::memcpy(bytes.data() + kCheckpointPrologueBytes, header.data(), header.size());
  auto entry = entries.begin();
  for_each_tensor(checkpoint.model, [&](const char*, const auto& array) {
    const std::span<const std::byte> from = std::as_bytes(std::span(array));
    if (!from.empty()) std::memcpy(bytes.data() + tensors_begin + entry->begin, from.data(), from.size());
    ++entry;
  });
  const XXH128_canonical_t checksum = checksum_of(std::span(bytes).first(checksum_begin));
  std::memcpy(bytes.data() + checksum_begin, &checksum, sizeof checksum);
  return bytes;
}

void check_checkpoint_prologue(std::span<const std::byte> prologue, std::uint64_t file_bytes,
                               const std::string& path) {
  const auto damaged = [&](const std::string& detail) {
    return StateError(StateError::Kind::damaged, path, detail);
  };
  if (file_bytes == 0) throw damaged("it is empty");
  const std::size_t common = std::min(prologue.size(), kMagic.size());
  if (std::memcmp(prologue.data(), kMagic.data(), common) != 0)
    throw damaged("it is not a checkpoint of millrace");
  if (prologue.size() < kCheckpointPrologueBytes || file_bytes < kCheckpointPrologueBytes + kChecksumBytes) {
    throw damaged(fmt::format("it is cut off after {} bytes", file_bytes));
  }
  const auto told = get<std::uint64_t>(prologue, kFileBytesOffset);
  if (told != file_bytes)
    throw damaged(fmt::format("it has {} bytes where it tells of {}", file_bytes, told));
}

Checkpoint decode_checkpoint(std::span<const std::byte> bytes, const std::string& path) {
  const auto damaged = [&](const std::string& detail) {
    return StateError(StateError::Kind::damaged, path, detail);
  };
  check_checkpoint_prologue(bytes.first(std::min(bytes.size(), kCheckpointPrologueBytes)), bytes.size(),
                            path);

  const std::size_t checksum_begin = bytes.size() - kChecksumBytes;
  const XXH128_canonical_t checksum = checksum_of(bytes.first(checksum_begin));
  if (std::memcmp(&checksum, bytes.data() + checksum_begin, kChecksumBytes) != 0) {
    throw damaged("its checksum does not match its content");
  }
  const auto version = get<std::uint32_t>(bytes, kVersionOffset);
  if (version > kCheckpointFormatVersion) {
    throw StateError(StateError::Kind::newer_version, path,
                     fmt::format("it has format {}, and this millrace reads formats up to {}", version,
                                 kCheckpointFormatVersion));
  }
  const auto header_bytes = get<std::uint64_t>(bytes, kHeaderBytesOffset);
  if (version == 0 || get<std::uint32_t>(bytes, kZeroOffset) != 0 ||
      header_bytes > checksum_begin - kCheckpointPrologueBytes) {
    throw damaged("its first bytes are not valid");
  }
  const std::uint64_t tensors_begin = aligned(kCheckpointPrologueBytes + header_bytes);
  if (tensors_begin > checksum_begin || checksum_begin % kAlignment != 0) {
    throw damaged("its lengths contradict each other");
  }

  const auto header_length = static_cast<std::size_t>(header_bytes);
  const auto* const text = reinterpret_cast<const char*>(bytes.data()) + kCheckpointPrologueBytes;
  try {
    CheckpointHeader header = read_checkpoint_header({text, header_length});
    const auto begin = static_cast<std::size_t>(tensors_begin);
    read_tensors(header.tensors, bytes.subspan(begin, checksum_begin - begin), header.checkpoint.model);
    if (!all_finite(header.checkpoint)) throw CheckpointFormatError("it holds a number that is not finite");
    return std::move(header.checkpoint);
  } catch (const CheckpointFormatError& error) {
    throw damaged(error.what());
  }
}

}  // namespace millrace
