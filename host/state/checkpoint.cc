#include "state/checkpoint.h"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <xxhash.h>

#include "state/checkpoint_format.h"
#include "state/durable_file.h"

namespace millrace {
namespace {

// XXH3-64 over a sequence of values. Texts and lists are preceded by their lengths, so that no two sequences
// of one structure give the same bytes.
class Digest {
 public:
  Digest() : state_(XXH3_createState()) {
    if (state_ == nullptr) throw std::bad_alloc();
    XXH3_64bits_reset(state_.get());
  }

  template <typename Number>
    requires std::integral<Number> || std::floating_point<Number>
  Digest& operator<<(Number value) {
    bytes(&value, sizeof value);
    return *this;
  }
  Digest& operator<<(std::string_view text) {
    *this << std::uint64_t{text.size()};
    bytes(text.data(), text.size());
    return *this;
  }
  Digest& operator<<(const std::vector<std::string>& texts) {
    *this << std::uint64_t{texts.size()};
    for (const std::string& text : texts) *this << std::string_view(text);
    return *this;
  }
  template <typename Number>
  Digest& operator<<(const std::vector<Number>& values) {
    *this << std::uint64_t{values.size()};
    bytes(values.data(), values.size() * sizeof(Number));
    return *this;
  }

  [[nodiscard]] std::uint64_t value() const { return XXH3_64bits_digest(state_.get()); }

 private:
  void bytes(const void* data, std::size_t size) { XXH3_64bits_update(state_.get(), data, size); }

  struct Free {
    void operator()(XXH3_state_t* state) const noexcept { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_;
};

void add(Digest& digest, const ModelState& model) {
  digest << model.shape.widths << model.parameters << model.first_moment << model.second_moment << model.step
         << model.standardizer.count << model.standardizer.mean << model.standardizer.m2;
  // Only where it is not what every older state had, whose digests stay what they were.
  if (model.skipped_in_a_row != 0) digest << std::string_view("skipped_in_a_row") << model.skipped_in_a_row;
}

void add(Digest& digest, const StreamSettings& settings) {
  digest << settings.feature_names << settings.features << std::string_view(settings.label)
         << std::string_view(settings.format) << settings.columns << settings.topics << settings.window_rows
         << std::string_view(settings.engine) << settings.engine_threads;
  const TrainingSettings& training = settings.training;
  digest << training.epochs << training.batch << training.learning_rate << training.beta1 << training.beta2
         << training.epsilon << training.seed << training.standardize;
  // Only where they are not what every older state had, whose digests stay what they were.
  if (training.math != MathMode::fp32) {
    digest << std::string_view("math") << static_cast<std::uint8_t>(training.math);
  }
  if (!settings.engine_choices.empty()) {
    digest << std::string_view("choices") << std::string_view(settings.engine_choices);
  }
  if (settings.max_record_bytes != StreamSettings::kDefaultMaxRecordBytes) {
    digest << std::string_view("max_record_bytes") << settings.max_record_bytes;
  }
  if (settings.absent_is_missing) digest << std::string_view("absent_is_missing");
  if (settings.separator != ',') digest << std::string_view("separator") << settings.separator;
}

void add(Digest& digest, std::vector<TrainedPosition> positions) {
  std::ranges::sort(positions, {}, &TrainedPosition::partition);
  digest << std::uint64_t{positions.size()};
  for (const TrainedPosition& position : positions) {
    digest << std::string_view(position.partition.topic) << position.partition.partition
           << position.next.offset << position.next.row;
  }
}

}  // namespace

std::uint64_t weights_digest(const ModelState& model) {
  return XXH3_64bits(model.parameters.data(), model.parameters.size() * sizeof(float));
}

std::uint64_t state_digest(const Checkpoint& checkpoint) {
  Digest digest;
  digest << checkpoint.windows;
  add(digest, checkpoint.model);
  add(digest, checkpoint.settings);
  add(digest, checkpoint.positions);
  return digest.value();
}

std::uint64_t trained_digest(const Checkpoint& checkpoint) {
  Digest digest;
  digest << checkpoint.windows;
  add(digest, checkpoint.model);
  add(digest, checkpoint.positions);
  return digest.value();
}

void write_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint) {
  write_durably(file, encode_checkpoint(checkpoint, file.string()));
}

Checkpoint read_checkpoint(const std::filesystem::path& file) {
  const auto look = [&](std::span<const std::byte> first, std::uint64_t file_bytes) {
    check_checkpoint_prologue(first, file_bytes, file.string());
  };
  return decode_checkpoint(read_whole(file, kCheckpointPrologueBytes, look), file.string());
}

}  // namespace millrace
