#include "engine/worker.h"

#include <algorithm>
#include <bit>

#include "engine/logistic_loss.h"

namespace millrace {
namespace {

// So many rows of weights that their gradient is still in the first cache when Adam takes it.
constexpr std::size_t kChunkRows = 64;

Range part_of_arrays(std::size_t floats, std::size_t thread, std::size_t threads) {
  const Range rows = part_of(floats / kBlock, thread, threads);
  return {rows.begin * kBlock, rows.end * kBlock};
}

}  // namespace

std::vector<Stage> stages_of(const std::vector<Split>& splits) {
  using enum Pass::Kind;
  std::vector<Stage> stages = {{{gather}}};
  for (std::size_t layer = 0; layer < splits.size(); ++layer) {
    stages.back().push_back({forward, layer});
    if (splits[layer] == Split::rows) stages.push_back({{join_outputs, layer}});
  }
  stages.back().push_back({loss});
  for (std::size_t layer = splits.size(); --layer > 0;) {
    stages.back().push_back({backward, layer});
    if (splits[layer] == Split::columns) stages.push_back({{join_input_gradient, layer}});
  }
  stages.back().push_back({bound});
  return stages;
}

Workplace::Workplace(const NetworkShape& shape, const TrainingSettings& settings, std::size_t thread_count)
    : threads(thread_count),
      kernels(settings.math == MathMode::bf16 ? *bf16_kernels() : vector_kernels()),
      splits(best_splits(shape, threads)),
      together(splits == std::vector(splits.size(), Split::whole) ? 1 : threads),
      arrays(shape, settings.math == MathMode::bf16 ? &kernels : nullptr),
      exchange(shape, splits, threads, std::min<std::size_t>(settings.batch, kRowsAtATime)) {
  if (settings.batch <= kRowsAtATime) return;
  for (std::size_t thread = 0; thread < threads; ++thread)
    gradients.emplace_back(arrays.size(), 51 + 5 * thread);
}

Worker::Worker(Workplace& place, std::size_t thread)
    : place_(place),
      kernels_(place.kernels),
      thread_(thread),
      whole_(shares_of(place.arrays.shape(), std::vector(place.splits.size(), Split::whole), 0, 1)),
      share_(shares_of(place.arrays.shape(), place.splits, std::min(thread, place.together - 1),
                       place.together)),
      part_(part_of_arrays(place.arrays.size(), thread, place.threads)),
      network_(place.kernels, place.arrays, place.exchange, thread, kRowsAtATime),
      labels_(kRowsAtATime),
      chunk_(kChunkRows * kBlock) {}

void Worker::gather(const Batch& batch) {
  const FeatureScaling& scaling = batch.scaling;
  const RowScaling row_scaling = {scaling.substitute.data(), scaling.shift.data(), scaling.factor.data(),
                                  batch.window.features};
  network_.begin(batch.rows.size());
  for (std::size_t begin = 0; begin < batch.rows.size(); begin += kBlock) {
    const std::size_t count = std::min(kBlock, batch.rows.size() - begin);
    kernels_.gather_rows(row_scaling, batch.window.values, batch.rows.data() + begin, count,
                         network_.input(begin / kBlock));
  }
  network_.input_is_complete();
}

void Worker::score(const Batch& batch, std::span<float> logits) {
  const Range own = own_rows(batch.rows.size(), thread_);
  for (std::size_t begin = own.begin; begin < own.end; begin += kRowsAtATime) {
    const std::size_t rows = std::min(kRowsAtATime, own.end - begin);
    gather({batch.window, batch.scaling, batch.rows.subspan(begin, rows)});
    for (std::size_t layer = 0; layer < whole_.size(); ++layer) network_.forward(whole_[layer], layer);
    std::copy_n(network_.logits(), rows, logits.data() + begin);
  }
}

void Worker::compute_loss(const Batch& batch, std::size_t batch_rows) {
  const std::size_t rows = batch.rows.size();
  for (std::size_t i = 0; i < rows; ++i) labels_.data()[i] = batch.window.labels[batch.rows[i]];
  loss_ = logistic_loss_gradient({network_.logits(), rows}, {labels_.data(), rows}, batch_rows,
                                 {network_.logit_gradients(), rows});
}

void Worker::make(const Stage& stage, const Batch& batch) {
  for (const auto [kind, layer] : stage) {
    switch (kind) {
      case Pass::Kind::gather:
        gather(batch);
        break;
      case Pass::Kind::forward:
        network_.forward(share_[layer], layer);
        break;
      case Pass::Kind::join_outputs:
        network_.join_outputs(layer);
        break;
      case Pass::Kind::loss:
        compute_loss(batch, batch.rows.size());
        break;
      case Pass::Kind::backward:
        network_.backward(share_[layer], share_[layer - 1], layer);
        break;
      case Pass::Kind::join_input_gradient:
        network_.join_input_gradient(share_[layer - 1], layer);
        break;
      case Pass::Kind::bound:
        largest_ = 0;
        for (std::size_t i = 0; i < share_.size(); ++i) {
          largest_ = std::max(largest_, network_.largest_gradient(share_[i], i));
        }
        break;
    }
  }
}

// Calls each(layer, block, rows) for the weights that this worker updates, a chunk at a time.
template <class Each>
void Worker::for_own_chunks(const Each& each) {
  for (std::size_t layer = 0; layer < share_.size(); ++layer) {
    const LayerShare& share = share_[layer];
    for (std::size_t block = share.update_blocks.begin; block < share.update_blocks.end; ++block) {
      for (std::size_t row = share.update_rows.begin; row < share.update_rows.end; row += kChunkRows) {
        each(layer, block, Range{row, std::min(row + kChunkRows, share.update_rows.end)});
      }
    }
  }
}

void Worker::look_at_gradients() {
  std::uint32_t bits = 0;
  for_own_chunks([&](std::size_t layer, std::size_t block, Range rows) {
    network_.weight_gradient(layer, block, rows, false, chunk_.data());
    const std::size_t count =
        place_.arrays.at(layer, block, rows.end) - place_.arrays.at(layer, block, rows.begin);
    bits = std::max(bits, kernels_.largest_magnitude(chunk_.data(), count));
  });
  largest_ = static_cast<double>(std::bit_cast<float>(bits));
}

void Worker::update(const AdamConstants& constants) {
  for_own_chunks([&](std::size_t layer, std::size_t block, Range rows) {
    network_.weight_gradient(layer, block, rows, false, chunk_.data());
    const std::size_t begin = place_.arrays.at(layer, block, rows.begin);
    const std::size_t end = place_.arrays.at(layer, block, rows.end);
    kernels_.adam(constants, place_.arrays.for_adam(begin, chunk_.data()), end - begin);
    place_.arrays.round(layer, block, rows);
  });
}

void Worker::round_own_weights() {
  for_own_chunks(
      [&](std::size_t layer, std::size_t block, Range rows) { place_.arrays.round(layer, block, rows); });
}

// Whole panels.
Range Worker::own_rows(std::size_t rows, std::size_t worker) const {
  const Range panels = part_of(blocks_of(rows), worker, place_.threads);
  return {panels.begin * kBlock, std::min(panels.end * kBlock, rows)};
}

void Worker::add_up_own_rows(const Batch& batch) {
  const Range own = own_rows(batch.rows.size(), thread_);
  float* const gradient = place_.gradients[thread_].data();
  double loss = 0;
  for (std::size_t begin = own.begin; begin < own.end; begin += kRowsAtATime) {
    const std::size_t rows = std::min(kRowsAtATime, own.end - begin);
    const Batch some = {batch.window, batch.scaling, batch.rows.subspan(begin, rows)};
    gather(some);
    for (std::size_t layer = 0; layer < whole_.size(); ++layer) network_.forward(whole_[layer], layer);
    compute_loss(some, batch.rows.size());
    loss += loss_;
    for (std::size_t layer = whole_.size(); --layer > 0;) {
      network_.backward(whole_[layer], whole_[layer - 1], layer);
    }
    for (std::size_t layer = 0; layer < whole_.size(); ++layer) {
      for (std::size_t block = 0; block < whole_[layer].blocks.end; ++block) {
        network_.weight_gradient(layer, block, whole_[layer].update_rows, begin > own.begin,
                                 gradient + place_.arrays.at(layer, block, 0));
      }
    }
  }
  loss_ = loss;
}

// In the order of the workers that had rows, to the first one's.
void Worker::add_up_workers(std::size_t rows) {
  sum_ = nullptr;
  for (std::size_t worker = 0; worker < place_.threads; ++worker) {
    const Range its = own_rows(rows, worker);
    if (its.begin >= its.end) continue;
    float* const gradient = place_.gradients[worker].data() + part_.begin;
    if (sum_ == nullptr) {
      sum_ = gradient;
    } else {
      kernels_.add(gradient, part_.size(), sum_);
    }
  }
  largest_ = static_cast<double>(std::bit_cast<float>(kernels_.largest_magnitude(sum_, part_.size())));
}

void Worker::update_part(const AdamConstants& constants) {
  kernels_.adam(constants, place_.arrays.for_adam(part_.begin, sum_), part_.size());
}

}  // namespace millrace
