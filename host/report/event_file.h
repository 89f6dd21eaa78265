// TensorBoard's event files: scalars over steps, as `tensorboard --logdir DIR` reads them while they grow.
//
// A file of records as TensorFlow frames them (length, masked CRC-32C of the length, bytes, masked CRC-32C of
// the bytes); each record is an Event of TensorFlow's event.proto, of which a scalar needs few fields. Owned
// by one thread. Every write goes to the kernel at once, so a killed process leaves whole records but for the
// last. Errors: StateError (not_writable, no_space, missing, io).
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace millrace {

struct ScalarPoint {
  std::string_view tag;  // "prequential/loss"
  double value = 0;
};

class EventFile {
 public:
  // Makes the folder, if it is missing, and in it a file of its own. What other files of the folder hold from
  // `first_step` on is void from now on: a run that was killed is gone over again.
  EventFile(const std::filesystem::path& folder, double unix_seconds, std::int64_t first_step);

  void write(double unix_seconds, std::int64_t step, std::span<const ScalarPoint> points);

  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

 private:
  struct Closer {
    void operator()(std::FILE* stream) const noexcept { std::fclose(stream); }
  };

  void append(std::string_view event);

  std::filesystem::path file_;
  std::unique_ptr<std::FILE, Closer> stream_;  // without a buffer
};

// CRC-32C (Castagnoli; RFC 3720, B.4), and TFRecord's masked form of it.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes);

}  // namespace millrace
