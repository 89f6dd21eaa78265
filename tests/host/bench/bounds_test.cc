// What the stages are measured against must do the work that it stands for.
#include <cmath>
#include <gtest/gtest.h>
#include <vector>

#include "bench/decode_stage.h"
#include "bench/json_bound.h"
#include "bench/product_peak.h"
#include "bench/rounds.h"
#include "bench/sample_rows.h"
#include "decode/csv_decoder.h"
#include "decode/json_decoder.h"
#include "decode/packed_decoder.h"

namespace millrace {
namespace {

TEST(BareLoop, ReadsTheRowsThatTheDecoderReads) {
  for (const SampleValues kind : {SampleValues::small_integers, SampleValues::random_floats}) {
    const SampleRecords sample(100, 4, kind);
    std::vector<float> values(400);
    std::vector<float> labels(100);
    std::vector<DecodeOutcome> outcomes(100);
    CsvDecoder({.features = 4}).decode(sample.records(), 0, values.data(), labels.data(), outcomes);
    std::vector<float> bare_values(400);
    std::vector<float> bare_labels(100);
    convert_without_checks(sample.records(), 4, bare_values.data(), bare_labels.data());
    EXPECT_EQ(values, bare_values);
    EXPECT_EQ(labels, bare_labels);
  }
}

TEST(JsonBound, ReadsTheRowsThatTheDecoderReads) {
  for (const SampleValues kind : {SampleValues::small_integers, SampleValues::random_floats}) {
    const SampleRecords sample(100, 4, kind, RecordFormat::json);
    std::vector<float> values(400);
    std::vector<float> labels(100);
    std::vector<DecodeOutcome> outcomes(100);
    JsonDecoder({.format = RecordFormat::json, .features = 4, .feature_names = sample_names(4)})
        .decode(sample.records(), 0, values.data(), labels.data(), outcomes);
    std::vector<float> bare_values(400);
    JsonBound(sample.records(), sample_names(4)).read(bare_values.data());
    EXPECT_EQ(values, bare_values);
  }
}

TEST(PackedBound, ReadsTheRowsThatTheDecoderReads) {
  constexpr std::size_t kRows = SampleRecords::kPackedRows + 100;
  const SampleRecords sample(kRows, 4, SampleValues::random_floats, RecordFormat::packed);
  const SampleRecords as_text(kRows, 4, SampleValues::random_floats);
  ASSERT_EQ(sample.records().size(), 2U);
  std::vector<float> values(4 * kRows);
  std::vector<float> labels(kRows);
  std::vector<DecodeOutcome> outcomes(kRows);
  CsvDecoder({.features = 4}).decode(as_text.records(), 0, values.data(), labels.data(), outcomes);
  std::vector<float> packed_values(4 * kRows);
  std::vector<float> packed_labels(kRows);
  PackedDecoder({.features = 4, .label = {LabelRule::From::column, "label"}})
      .decode(sample.records(), 0, packed_values.data(), packed_labels.data(), outcomes);
  std::vector<float> bare_values(4 * kRows);
  std::vector<float> bare_labels(kRows);
  copy_tables_without_checks(sample.records(), 4, bare_values.data(), bare_labels.data());
  EXPECT_EQ(packed_values, values);
  EXPECT_EQ(packed_labels, labels);
  EXPECT_EQ(bare_values, values);
  EXPECT_EQ(bare_labels, labels);
}

TEST(ProductPeak, KeepsTheBestOfItsProducts) {
  ProductPeak peak(1, MathMode::fp32, 64);
  const double first = peak.flop_per_s();
  EXPECT_GT(first, 0.0);
  EXPECT_GE(peak.flop_per_s(), first);
}

TEST(StepFlop, CountsTwoProductsForTheFirstLayerAndThreeForTheOthers) {
  EXPECT_EQ(step_flop({{9, 128, 256, 128, 1}}, 1), 398'592.0);
  EXPECT_EQ(step_flop({{3, 2, 1}}, 10), 10 * (4 * 6 + 6 * 2));
}

TEST(Median, IsTheMiddleOneAndNothingWhereNothingWasMeasured) {
  EXPECT_EQ(median({3, 1, 2}), 2.0);
  EXPECT_EQ(median({3, 1, 2, 9}), 2.5);
  EXPECT_EQ(quantile({5, 1, 2, 3, 4}, 1.0), 5.0);
  EXPECT_TRUE(std::isnan(median({})));
}

}  // namespace
}  // namespace millrace
