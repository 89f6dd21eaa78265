// Records to probabilities, with the newest weights of a state folder.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "millrace/decoder.h"
#include "millrace/engine.h"
#include "millrace/engine_choice.h"
#include "millrace/record.h"

#include "predict/model_follower.h"

namespace millrace {

// One row of a record, in the order in which the record holds them. A bad record is one row that is not good.
struct PredictedRow {
  DecodeOutcome outcome;
  std::uint32_t record = 0;  // index among those that were scored together
  std::uint32_t row = 0;     // within the record, from 0
  std::uint32_t rows = 1;    // that the record holds
  float probability = 0;     // of class 1
};

// Which engine scores; it trains nothing.
struct ScoringEngine {
  std::string choice = "cpu";
  int threads = 1;
  CudaSettings cuda;
};

// All rows of one call to `score` are scored with the weights of `model_version`. One thread.
class RowScorer {
 public:
  // `decoder` and `models` outlive this. Errors: DeviceError; MismatchError where decoder and network
  // disagree.
  RowScorer(const ScoringEngine& engine, const Decoder& decoder, ModelFollower& models);

  // Takes newer weights, if there are some by now. True: it did.
  bool follow();

  // The spans stay valid until the next call.
  [[nodiscard]] std::span<const PredictedRow> score(std::span<const RecordView> records);

  [[nodiscard]] const std::string& model_version() const { return version_; }
  [[nodiscard]] const Checkpoint& checkpoint() const { return models_.checkpoint(); }
  [[nodiscard]] const Decoder& decoder() const { return decoder_; }

 private:
  void use_newest();
  // Decodes and scores rows_[begin, end), which begin with row `first_row` of the first record.
  void score_some(std::span<const RecordView> records, std::uint32_t first_row, std::span<PredictedRow> rows);

  const ScoringEngine settings_;
  const Decoder& decoder_;
  ModelFollower& models_;
  NetworkShape shape_;  // of the engine
  std::unique_ptr<Engine> engine_;
  std::string version_;
  HostBuffer values_;  // [kMostRows, features]
  HostBuffer labels_;  // [kMostRows], which nobody asks for
  HostBuffer index_;   // [kMostRows]
  std::vector<DecodeOutcome> outcomes_;
  std::vector<PredictedRow> rows_;
};

}  // namespace millrace
