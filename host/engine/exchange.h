// Where the threads of the engine leave for each other what they computed of the same rows.
//
// Owned by an engine. A part is written in one stage of a step (thread_team.h) and read by all in the next.
// Allocates in the constructor only.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "millrace/model.h"

#include "engine/float_buffer.h"
#include "engine/partition.h"

namespace millrace {

// One array of partial sums from each thread.
class Parts {
 public:
  Parts(std::size_t threads, std::size_t floats, std::size_t stagger);

  [[nodiscard]] float* of(std::size_t thread) const { return buffers_[thread].data(); }
  [[nodiscard]] std::span<const float* const> all() const { return all_; }

 private:
  std::vector<FloatBuffer> buffers_;
  std::vector<const float*> all_;
};

class Exchange {
 public:
  // For batches of up to `capacity` rows.
  Exchange(const NetworkShape& shape, const std::vector<Split>& splits, std::size_t threads,
           std::size_t capacity);

  // What a layer split by rows gives: [panels][outputs][32 rows].
  [[nodiscard]] const Parts& outputs(std::size_t layer) const { return parts_[layer]; }
  // The gradient by the input of a layer split by columns: [panels][inputs][32 rows].
  [[nodiscard]] const Parts& input_gradient(std::size_t layer) const { return parts_[layer]; }

 private:
  std::vector<Parts> parts_;  // by layer; none has both
};

}  // namespace millrace
