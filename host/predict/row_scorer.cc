#include "predict/row_scorer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "millrace/errors.h"

namespace millrace {
namespace {

// Rows scored at a time: enough for the engine's largest batches, few enough to stay in cache.
constexpr std::uint32_t kMostRows = 4096;

float sigmoid(float logit) { return static_cast<float>(1 / (1 + std::exp(-static_cast<double>(logit)))); }

}  // namespace

RowScorer::RowScorer(const ScoringEngine& engine, const Decoder& decoder, ModelFollower& models)
    : settings_(engine), decoder_(decoder), models_(models), outcomes_(kMostRows) {
  use_newest();
}

bool RowScorer::follow() {
  if (!models_.look()) return false;
  use_newest();
  return true;
}

void RowScorer::use_newest() {
  const Checkpoint& checkpoint = models_.checkpoint();
  const NetworkShape& shape = checkpoint.model.shape;
  if (shape.features() != decoder_.features()) {
    throw MismatchError(models_.folder(), "features", std::to_string(shape.features()),
                        std::to_string(decoder_.features()));
  }
  // A folder that was begun anew may hold another network.
  if (!engine_ || shape != shape_) {
    EngineRequest request{.choice = settings_.choice,
                          .shape = shape,
                          .training = checkpoint.settings.training,
                          .max_window_rows = kMostRows,
                          .threads = settings_.threads,
                          .cuda = settings_.cuda};
    request.training.math = MathMode::fp32;  // whatever it was trained in: float32 scores any weights
    engine_ = make_engine(request);
    shape_ = shape;
    values_ = engine_->allocate_host(std::size_t{kMostRows} * shape.features() * sizeof(float));
    labels_ = engine_->allocate_host(kMostRows * sizeof(float));
    index_ = engine_->allocate_host(kMostRows * sizeof(std::uint32_t));
  }
  engine_->restore(checkpoint.model);
  version_ = millrace::model_version(checkpoint);
}

std::span<const PredictedRow> RowScorer::score(std::span<const RecordView> records) {
  rows_.clear();
  for (std::uint32_t record = 0; record < records.size(); ++record) {
    const std::uint32_t count = decoder_.rows_of(records[record]);
    for (std::uint32_t row = 0; row < count; ++row)
      rows_.push_back({.record = record, .row = row, .rows = count});
  }
  const std::span<PredictedRow> rows(rows_);
  for (std::size_t begin = 0; begin < rows.size(); begin += kMostRows) {
    const std::span<PredictedRow> some =
        rows.subspan(begin, std::min<std::size_t>(kMostRows, rows.size() - begin));
    const std::size_t first = some.front().record;
    score_some(records.subspan(first, some.back().record - first + 1), some.front().row, some);
  }
  return rows_;
}

void RowScorer::score_some(std::span<const RecordView> records, std::uint32_t first_row,
                           std::span<PredictedRow> rows) {
  auto* const values = reinterpret_cast<float*>(values_.get());
  auto* const labels = reinterpret_cast<float*>(labels_.get());
  auto* const index = reinterpret_cast<std::uint32_t*>(index_.get());
  const std::span<DecodeOutcome> outcomes = std::span(outcomes_).first(rows.size());
  decoder_.decode(records, first_row, values, labels, outcomes);
  std::uint32_t good = 0;
  for (std::uint32_t row = 0; row < rows.size(); ++row) {
    rows[row].outcome = outcomes[row];
    if (outcomes[row].good) index[good++] = row;
  }
  if (good == 0) return;
  engine_->stage({.rows = good,
                  .slot_rows = static_cast<std::uint32_t>(rows.size()),
                  .features = shape_.features(),
                  .values = values,
                  .labels = labels,
                  .row_index = index});
  engine_->score();
  const WindowOutcome outcome = engine_->wait();
  for (std::uint32_t place = 0; place < good; ++place) {
    rows[index[place]].probability = sigmoid(outcome.logits[place]);
  }
}

}  // namespace millrace
