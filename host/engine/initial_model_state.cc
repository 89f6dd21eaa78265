#include <cmath>
#include <cstdint>

#include "millrace/model.h"
#include "millrace/philox.h"

namespace millrace {

// Weight i of a layer takes word i % 4 of the block with counter (i / 4, stream | layer, 0, 0): the middle of
// one of 2^32 equal parts of the interval, in double, then rounded once.
ModelState initial_model_state(const NetworkShape& shape, std::uint64_t seed) {
  ModelState state;
  state.shape = shape;
  state.parameters.resize(shape.parameters());
  state.first_moment.resize(shape.parameters());
  state.second_moment.resize(shape.parameters());
  for (std::size_t layer = 0; layer < shape.layers(); ++layer) {
    const double in = shape.widths[layer];
    const double out = shape.widths[layer + 1];
    const double limit = std::sqrt(6.0 / (in + out));
    const auto weights = static_cast<std::uint32_t>(shape.widths[layer] * shape.widths[layer + 1]);
    float* weight = state.parameters.data() + shape.offset(layer);
    PhiloxBlock random = {};
    for (std::uint32_t i = 0; i < weights; ++i) {
      if (i % 4 == 0) {
        const std::uint32_t stream =
            in_stream(PhiloxStream::initial_weights, static_cast<std::uint32_t>(layer));
        random = philox4x32_10({{i / 4, stream, 0, 0}}, seed);
      }
      const double unit = (random.word[i % 4] + 0.5) * 0x1p-32;  // in (0, 1)
      weight[i] = static_cast<float>((2.0 * unit - 1.0) * limit);
    }
  }
  state.standardizer.count.resize(shape.features());
  state.standardizer.mean.resize(shape.features());
  state.standardizer.m2.resize(shape.features());
  return state;
}

}  // namespace millrace
