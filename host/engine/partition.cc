#include "engine/partition.h"

#include <algorithm>

#include "engine/blocked.h"

namespace millrace {
namespace {

// In multiply-adds a row: what a thread pays to fetch one number from another, and to meet it.
constexpr double kFetch = 20;
constexpr double kMeeting = 500;
// What it costs besides to work with others at all, two or three more meetings a step.
constexpr double kCompany = 2500;

double exchange(double width) { return kFetch * width + kMeeting; }

}  // namespace

// For each layer two ways lead on: its output is whole on every thread, or each thread has its part. `best`
// holds the cheapest way to either.
std::vector<Split> best_splits(const NetworkShape& shape, std::size_t threads) {
  struct Way {
    double cost;
    std::vector<Split> splits;
    [[nodiscard]] Way with(double more, Split split) const {
      Way longer = *this;
      longer.cost += more;
      longer.splits.push_back(split);
      return longer;
    }
  };
  constexpr double kNoWay = 1e300;
  const auto parts = static_cast<double>(threads);
  double alone = 0;
  Way whole = {0, {}};
  Way in_parts = {kNoWay, {}};
  for (std::size_t layer = 0; layer < shape.layers(); ++layer) {
    const double in = shape.widths[layer];
    const double out = shape.widths[layer + 1];
    // Forward, the gradient by the input, and that by the weights, which is divided in any case.
    const double passes = layer == 0 ? 1 : 2;
    alone += (passes + 1) * in * out;
    const double apart = (passes + 1) * in * out / parts;
    const double together = passes * in * out + in * out / parts;
    const bool splits_evenly = blocks_of(shape.widths[layer + 1]) >= threads;
    const Way by_columns =
        splits_evenly ? whole.with(apart + (layer == 0 ? 0 : exchange(in)), Split::columns) : Way{kNoWay, {}};
    const Way by_rows = in_parts.with(apart + exchange(out), Split::rows);
    const Way undivided = whole.with(together, Split::whole);
    whole = by_rows.cost < undivided.cost ? by_rows : undivided;
    in_parts = by_columns;
  }
  if (alone < whole.cost + kCompany) return std::vector(shape.layers(), Split::whole);
  return whole.splits;
}

std::vector<LayerShare> shares_of(const NetworkShape& shape, const std::vector<Split>& splits,
                                  std::size_t thread, std::size_t threads) {
  const auto part = [&](std::size_t count) { return part_of(count, thread, threads); };
  std::vector<LayerShare> shares;
  for (std::size_t layer = 0; layer < shape.layers(); ++layer) {
    const std::size_t inputs = shape.widths[layer];
    const std::size_t blocks = blocks_of(shape.widths[layer + 1]);
    LayerShare share = {splits[layer], {0, blocks}, {0, inputs}, part(blocks), {0, inputs + 1}};
    if (share.split == Split::columns) share.blocks = share.update_blocks;
    if (share.split == Split::rows) {
      const Range outputs_below = shares.back().blocks;
      share.inputs = {std::min(outputs_below.begin * kBlock, inputs),
                      std::min(outputs_below.end * kBlock, inputs)};
      share.update_blocks = share.blocks;
      share.update_rows = {share.inputs.begin, share.inputs.end + (thread + 1 == threads ? 1 : 0)};
    }
    shares.push_back(share);
  }
  return shares;
}

}  // namespace millrace
