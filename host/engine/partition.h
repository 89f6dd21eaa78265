// How the threads of the engine divide the network where all work on the same rows.
//
// A layer that is split by columns needs its whole input and gives each thread some of its outputs; the next
// one, split by rows, takes just these as its inputs, and what the threads make of them is added up. So two
// layers meet once on the way forward, and once on the way back (Shoeybi et al. 2019, "Megatron-LM"). A small
// layer costs less to compute whole on every thread than to meet for; its parameters are updated by one
// thread each all the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "millrace/model.h"

namespace millrace {

enum class Split : std::uint8_t { whole, columns, rows };

struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
  [[nodiscard]] std::size_t size() const { return end - begin; }
  bool operator==(const Range&) const = default;
};

// Part `part` of `parts` of [0, count), which differ in size by one at most.
[[nodiscard]] constexpr Range part_of(std::size_t count, std::size_t part, std::size_t parts) {
  return {count * part / parts, count * (part + 1) / parts};
}

// What one thread does of a layer.
struct LayerShare {
  Split split = Split::whole;
  Range blocks;         // of outputs, which it computes
  Range inputs;         // from these
  Range update_blocks;  // the parameters that it updates: blocks of outputs,
  Range update_rows;    // and rows in them, of which the one after the inputs is the bias
};

// By layer, the last one included. The splits that need least time by a simple reckoning; where no layer is
// split, one thread is faster alone.
[[nodiscard]] std::vector<Split> best_splits(const NetworkShape& shape, std::size_t threads);

[[nodiscard]] std::vector<LayerShare> shares_of(const NetworkShape& shape, const std::vector<Split>& splits,
                                                std::size_t thread, std::size_t threads);

}  // namespace millrace
