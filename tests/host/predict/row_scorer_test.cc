#include "predict/row_scorer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "decode/decoder_choice.h"
#include "host/predict/sample_state.h"
#include "support/temp_dir.h"

namespace millrace {
namespace {

using testing::sample_checkpoint;
using testing::save;

// Records of as many rows as their key says; the value is `a,b`, and row r is a + r, b.
class RepeatingDecoder final : public Decoder {
 public:
  [[nodiscard]] std::uint32_t features() const override { return 2; }
  [[nodiscard]] std::uint32_t rows_of(const RecordView& record) const override {
    return static_cast<std::uint32_t>(std::stoul(std::string(record.key)));
  }
  void decode(std::span<const RecordView> records, std::uint32_t first_row, float* values, float* labels,
              std::span<DecodeOutcome> outcomes) const override {
    std::size_t record = 0;
    std::uint32_t row = first_row;
    for (std::size_t i = 0; i < outcomes.size(); ++i, ++row) {
      for (; row == rows_of(records[record]); row = 0) ++record;
      const std::string text(records[record].value);
      const std::size_t comma = text.find(',');
      values[2 * i] = std::stof(text) + static_cast<float>(row);
      values[2 * i + 1] = std::stof(text.substr(comma + 1));
      labels[i] = 0;
      outcomes[i] = {.good = text.find('x') == std::string::npos};
    }
  }
  [[nodiscard]] std::string field_name(std::int32_t) const override { return {}; }
};

RecordView record_of(const std::string& rows, const std::string& value) {
  return {.key = rows, .value = value, .has_key = true, .has_value = true};
}

class RowScorerTest : public ::testing::Test {
 protected:
  RowScorerTest() { save(folder_ / "state", sample_checkpoint(1)); }

  const support::TempDir folder_;
  const RepeatingDecoder decoder_;
};

TEST_F(RowScorerTest, ScoresRowsOfRecordsThatHoldManyAsThoseOfRecordsThatHoldOne) {
  ModelFollower models(folder_ / "state", [](std::string_view) {});
  RowScorer scorer({}, decoder_, models);
  // More rows than are scored at a time, cut within records.
  std::vector<std::string> counts;
  for (int i = 0; i < 60; ++i) counts.push_back(fmt::format("{}", 1 + i * 7 % 230));
  std::vector<RecordView> packed;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < counts.size(); ++i) texts.push_back(fmt::format("{},{}", i % 5, -0.5));
  for (std::size_t i = 0; i < counts.size(); ++i) packed.push_back(record_of(counts[i], texts[i]));
  const std::span<const PredictedRow> scored = scorer.score(packed);
  const std::vector<PredictedRow> rows(scored.begin(), scored.end());
  ASSERT_GT(rows.size(), 4096U);

  const std::string one = "1";
  for (std::size_t i = 0; i < rows.size(); i += 97) {
    const PredictedRow& row = rows[i];
    EXPECT_EQ(row.rows, decoder_.rows_of(packed[row.record]));
    const std::string alone = fmt::format("{},{}", row.record % 5 + row.row, -0.5);
    const std::vector<RecordView> single = {record_of(one, alone)};
    EXPECT_NEAR(scorer.score(single).front().probability, row.probability, 1e-6F)
        << row.record << "/" << row.row;
  }
}

TEST_F(RowScorerTest, LeavesBadRowsOutAndInTheirPlace) {
  ModelFollower models(folder_ / "state", [](std::string_view) {});
  RowScorer scorer({}, decoder_, models);
  const std::string one = "1";
  const std::string good = "1,2";
  const std::string bad = "1,2x";
  const std::vector<RecordView> records = {record_of(one, bad), record_of(one, good), record_of(one, bad)};
  const auto rows = scorer.score(records);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_FALSE(rows[0].outcome.good);
  EXPECT_TRUE(rows[1].outcome.good);
  EXPECT_GT(rows[1].probability, 0);
  EXPECT_FALSE(rows[2].outcome.good);
}

}  // namespace
}  // namespace millrace
