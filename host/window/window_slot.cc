#include "window/window_slot.h"

#include <cassert>
#include <cstddef>
#include <utility>

namespace millrace {
namespace {

constexpr std::size_t kAlignment = 64;  // bytes: a cache line, an AVX-512 register

std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

std::size_t value_bytes(std::uint32_t capacity, std::uint32_t features) {
  return aligned(std::size_t{capacity} * features * sizeof(float));
}
std::size_t label_bytes(std::uint32_t capacity) { return aligned(std::size_t{capacity} * sizeof(float)); }
std::size_t index_bytes(std::uint32_t capacity) {
  return aligned(std::size_t{capacity} * sizeof(std::uint32_t));
}

}  // namespace

std::size_t WindowSlot::bytes_needed(std::uint32_t capacity, std::uint32_t features) {
  return value_bytes(capacity, features) + label_bytes(capacity) + index_bytes(capacity);
}

WindowSlot::WindowSlot(std::uint32_t capacity, std::uint32_t features, HostBuffer memory)
    : capacity_(capacity),
      features_(features),
      memory_(std::move(memory)),
      values_(reinterpret_cast<float*>(memory_.get())),
      labels_(reinterpret_cast<float*>(memory_.get() + value_bytes(capacity, features))),
      row_index_(reinterpret_cast<std::uint32_t*>(memory_.get() + value_bytes(capacity, features) +
                                                  label_bytes(capacity))) {}

WindowView WindowSlot::view() const {
  assert(rows > 0);
  return {.index = index,
          .rows = rows,
          .slot_rows = places,
          .features = features_,
          .values = values_,
          .labels = labels_,
          .row_index = row_index_};
}

void WindowSlot::clear() {
  index = 0;
  places = 0;
  records = 0;
  rows = 0;
  ranges.clear();
  bad_records = {};
  first_bad.reset();
  letters = 0;
  last_letter = 0;
  oldest_timestamp_ms = -1;
  newest_timestamp_ms = -1;
  new_partitions.clear();
  commit_offsets.clear();
}

}  // namespace millrace
