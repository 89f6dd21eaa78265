// States to predict with: small networks of fresh weights, told apart by their seed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "state/state_folder.h"

namespace millrace::testing {

inline Checkpoint sample_checkpoint(std::uint64_t seed, std::vector<std::uint32_t> widths = {2, 8, 1}) {
  Checkpoint checkpoint;
  const NetworkShape shape{std::move(widths)};
  checkpoint.model = initial_model_state(shape, seed);
  checkpoint.settings.features = shape.features();
  checkpoint.settings.format = "csv";
  checkpoint.settings.label = "key";
  checkpoint.settings.topics = {"rows"};
  return checkpoint;
}

// As a trainer does, without keeping the folder.
inline std::filesystem::path save(const std::filesystem::path& folder, Checkpoint checkpoint) {
  StateFolder state = StateFolder::open(folder);
  return state.save(checkpoint);
}

}  // namespace millrace::testing
