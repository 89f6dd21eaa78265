// The newest checkpoint of a state folder, as a trainer goes on writing them.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "state/checkpoint.h"

namespace millrace {

// Which weights made a prediction: "42-0123456789abcdef", the checkpoint's number in its state and the digest
// of the weights, as `millrace inspect` shows both.
[[nodiscard]] std::string model_version(const Checkpoint& checkpoint);

// Reads only, and takes no lock: trainer and followers never hinder each other. One thread.
class ModelFollower {
 public:
  static constexpr std::chrono::milliseconds kLookEvery{1000};
  using Clock = std::chrono::steady_clock;
  using Note = std::function<void(std::string_view sentence)>;

  // The newest checkpoint that can be read; damaged newer ones are passed over and told to `note`, each once.
  // Errors: StateError, missing where the folder holds none.
  ModelFollower(std::filesystem::path folder, Note note);

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] const Checkpoint& checkpoint() const { return checkpoint_; }

  // Looks into the folder unless it did so within kLookEvery. True: checkpoint() is another one from now on.
  // A folder that cannot be read any more leaves the model in use, and is told once until it can be read
  // again.
  bool look(Clock::time_point now = Clock::now());

 private:
  // What the newest file is called, and what it is: a folder begun anew may use a number again.
  struct Seen {
    std::uint64_t sequence = 0;
    std::uint64_t bytes = 0;
    std::filesystem::file_time_type written_at;
    bool operator==(const Seen&) const = default;
  };
  [[nodiscard]] std::optional<Seen> newest_file() const;
  [[nodiscard]] Checkpoint read();

  const std::filesystem::path folder_;
  const Note note_;
  std::optional<Seen> seen_;
  std::string told_;  // the last trouble
  Checkpoint checkpoint_;
  Clock::time_point looked_at_;
};

}  // namespace millrace
