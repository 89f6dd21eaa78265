// Rows on a pipe, one a line, to predictions, one a line, in their order.
#pragma once

#include <cstddef>
#include <stop_token>

#include "predict/predict_counts.h"
#include "predict/prediction_text.h"
#include "predict/row_scorer.h"

namespace millrace {

struct LineJob {
  int input = 0;  // descriptors
  int output = 1;
  PredictionFormat format = PredictionFormat::csv;
  std::size_t max_line_bytes = std::size_t{1} << 20;  // a longer line is answered as too large
};

// Answers all lines that have come before it waits for more: who asks line by line gets each answer, and who
// sends many gets them in large pieces. A line that is no row gets a line that says why. Ends at the end of
// the input, after `stop`, or when nobody reads the output any more. Errors: std::system_error.
[[nodiscard]] PredictCounts run_line_job(const LineJob& job, RowScorer& scorer,
                                         const PredictObserver& observe, std::stop_token stop);

}  // namespace millrace
