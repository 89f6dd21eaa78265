#include "engine/exchange.h"

#include "engine/blocked.h"

namespace millrace {

Parts::Parts(std::size_t threads, std::size_t floats, std::size_t stagger) {
  for (std::size_t thread = 0; thread < threads; ++thread) {
    buffers_.emplace_back(floats, stagger + 5 * thread);
    all_.push_back(buffers_.back().data());
  }
}

Exchange::Exchange(const NetworkShape& shape, const std::vector<Split>& splits, std::size_t threads,
                   std::size_t capacity) {
  for (std::size_t layer = 0; layer < splits.size(); ++layer) {
    const std::size_t width = splits[layer] == Split::columns ? shape.widths[layer] : shape.widths[layer + 1];
    parts_.emplace_back(splits[layer] == Split::whole ? 0 : threads,
                        blocks_of(capacity) * panel_floats(width), 7 * layer);
  }
}

}  // namespace millrace
