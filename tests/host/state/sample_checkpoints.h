// Checkpoints to test with, drawn from a generator.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "state/checkpoint.h"

namespace millrace::testing {

inline std::vector<char> bytes_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void write_bytes(const std::filesystem::path& file, const std::vector<char>& bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

class CheckpointDraw {
 public:
  explicit CheckpointDraw(std::uint64_t seed) : generator_(seed) {}

  // Everything in it is drawn, extremes included; only the network's shape is given.
  Checkpoint operator()(std::vector<std::uint32_t> widths) {
    Checkpoint checkpoint;
    checkpoint.sequence = any<std::uint64_t>();
    checkpoint.windows = any<std::uint64_t>();
    checkpoint.model = model(std::move(widths));
    for (std::uint64_t count = below(5), i = 0; i < count; ++i) checkpoint.positions.push_back(position());
    checkpoint.lifetime = lifetime();
    checkpoint.settings = settings(checkpoint.model.shape.features());
    checkpoint.written_at_ms = static_cast<std::int64_t>(below(4'000'000'000'000));
    checkpoint.millrace_version = text();
    return checkpoint;
  }

  std::vector<std::uint32_t> widths() {
    std::vector<std::uint32_t> drawn;
    for (std::uint64_t count = 1 + below(4), i = 0; i < count; ++i) {
      drawn.push_back(static_cast<std::uint32_t>(1 + below(20)));
    }
    drawn.push_back(1);
    return drawn;
  }

  std::uint64_t below(std::uint64_t bound) { return generator_() % bound; }

 private:
  // Small numbers, the limits, and anything between.
  template <typename Integer>
  Integer any() {
    switch (below(4)) {
      case 0:
        return std::numeric_limits<Integer>::max();
      case 1:
        return std::numeric_limits<Integer>::min();
      case 2:
        return static_cast<Integer>(below(100));
      default:
        return static_cast<Integer>(generator_());
    }
  }

  template <typename Number, typename Bits>
  Number finite() {
    for (;;) {
      const auto number = std::bit_cast<Number>(static_cast<Bits>(generator_()));
      if (std::isfinite(number)) return number;
    }
  }
  float finite_float() { return finite<float, std::uint32_t>(); }
  double finite_double() { return finite<double, std::uint64_t>(); }

  std::string text() {
    static constexpr const char* kTexts[] = {
        "", "x", "clump thickness", "\"quoted\\", "größe", "日本", "\x01\n\t", "a,b", "🌊"};
    return kTexts[below(std::size(kTexts))];
  }

  std::vector<std::string> texts(std::size_t count) {
    std::vector<std::string> drawn;
    for (std::size_t i = 0; i < count; ++i) drawn.push_back(text());
    return drawn;
  }

  ModelState model(std::vector<std::uint32_t> widths) {
    ModelState drawn;
    drawn.shape.widths = std::move(widths);
    for (auto* values : {&drawn.parameters, &drawn.first_moment, &drawn.second_moment}) {
      for (std::size_t i = 0; i < drawn.shape.parameters(); ++i) values->push_back(finite_float());
    }
    drawn.step = any<std::uint64_t>();
    const std::size_t moments = below(2) == 0 ? 0 : drawn.shape.features();
    for (auto* values : {&drawn.standardizer.count, &drawn.standardizer.mean, &drawn.standardizer.m2}) {
      for (std::size_t i = 0; i < moments; ++i) values->push_back(finite_double());
    }
    return drawn;
  }

  TrainedPosition position() {
    return {.partition = {.topic = text(), .partition = any<std::int32_t>()},
            .next = {.offset = any<std::int64_t>(), .row = any<std::int32_t>()},
            .last_record = {.offset = any<std::int64_t>(),
                            .timestamp_ms = any<std::int64_t>(),
                            .hash = any<std::uint64_t>()}};
  }

  Lifetime lifetime() {
    Lifetime drawn{.records = any<std::uint64_t>(),
                   .rows = any<std::uint64_t>(),
                   .windows = any<std::uint64_t>(),
                   .steps = any<std::uint64_t>(),
                   .skipped_steps = any<std::uint64_t>(),
                   .bad_records = any<std::uint64_t>(),
                   .bad_records_by_reason = {},
                   .seconds = finite_double()};
    for (std::uint64_t& count : drawn.bad_records_by_reason) count = any<std::uint64_t>();
    return drawn;
  }

  StreamSettings settings(std::uint32_t features) {
    return {.feature_names = texts(below(2) * features),
            .features = features,
            .label = text(),
            .format = text(),
            .columns = texts(below(4)),
            .topics = texts(below(4)),
            .group = text(),
            .window_rows = any<std::uint32_t>(),
            .window_ms = any<std::int64_t>(),
            .engine = text(),
            .engine_threads = any<int>(),
            .engine_choices = text(),
            .separator = below(2) == 0 ? ',' : '\t',
            .absent_is_missing = below(2) == 0,
            .training = {.epochs = any<std::uint32_t>(),
                         .batch = any<std::uint32_t>(),
                         .learning_rate = finite_double(),
                         .beta1 = finite_double(),
                         .beta2 = finite_double(),
                         .epsilon = finite_double(),
                         .seed = any<std::uint64_t>(),
                         .standardize = below(2) == 0,
                         .math = static_cast<MathMode>(below(3))}};
  }

  std::mt19937_64 generator_;
};

}  // namespace millrace::testing
