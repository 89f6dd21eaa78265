#include "decode/short_rows.h"

#include <bit>
#include <cstdint>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "decode/csv_decoder.h"

namespace millrace {
namespace {

// Values as long as a short row's are too large for such a decoder to read them as short rows, yet it reads
// them.
constexpr std::size_t kFieldByField = ShortRowLayout::kMostBytes;

struct Case {
  const char* name;
  DecoderSettings settings;
};

std::vector<Case> cases() {
  const LabelRule label_field{LabelRule::From::column, "c"};
  return {
      {"label in the key", {.features = 9}},
      {"sixteen fields", {.features = 16}},
      {"one field", {.features = 1}},
      {"label first", {.features = 2, .columns = {"c", "a", "b"}, .label = label_field}},
      {"label last", {.features = 2, .columns = {"a", "b", "c"}, .label = label_field}},
      {"label between", {.features = 2, .columns = {"a", "c", "b"}, .label = label_field}},
      {"ignored fields",
       {.features = 2,
        .feature_names = {"b", "d"},
        .columns = {"a", "b", "c", "d", "e"},
        .label = label_field}},
      {"other order",
       {.features = 2, .feature_names = {"b", "a"}, .columns = {"a", "b", "c"}, .label = label_field}},
      {"semicolons", {.features = 3, .separator = ';'}},
      {"seventeen fields", {.features = 17}},
  };
}

std::string random_field(std::mt19937& random) {
  static const std::vector<std::string> kOddities = {"",     "?",   "NaN", "-1",  "+2",    "1.5",
                                                     "1000", "1e3", " 7",  "7 ",  "\"8\"", "x",
                                                     "\xff", "007", "0",   "999", "2"};
  if (random() % 24 == 0) return kOddities[random() % kOddities.size()];
  static constexpr unsigned kBelow[] = {2, 10, 100, 1000};
  return std::to_string(random() % kBelow[random() % 4]);
}

std::string random_row(std::size_t fields, char separator, std::mt19937& random) {
  if (random() % 16 == 0) fields += random() % 3 - 1;
  std::string row;
  for (std::size_t field = 0; field < fields; ++field) {
    if (field > 0) row += random() % 64 == 0 ? "/,;:."[random() % 5] : separator;
    row += random_field(random);
  }
  if (random() % 16 == 0) row += random() % 2 == 0 ? "\n" : "\r\n";
  return row;
}

std::uint32_t bits(float value) { return std::bit_cast<std::uint32_t>(value); }

TEST(ShortRows, AreReadAsFieldByField) {
  for (const auto& [name, settings] : cases()) {
    const CsvDecoder decoder(settings);
    DecoderSettings slow = settings;
    slow.max_record_bytes = kFieldByField;
    const CsvDecoder plain(slow);
    const std::size_t fields = settings.columns.empty() ? settings.features : settings.columns.size();
    std::mt19937 random(7);
    std::size_t good = 0;
    for (int round = 0; round < 20'000; ++round) {
      const std::string text = random_row(fields, settings.separator, random);
      if (text.size() > kFieldByField) continue;
      // Memory of just this size: a byte read too many is found by a sanitizer.
      const auto value = std::make_unique<char[]>(text.size());
      text.copy(value.get(), text.size());
      const std::string key = random() % 16 == 0 ? "2" : random() % 2 == 0 ? "0" : "1";
      const RecordView record{
          .key = key, .value = {value.get(), text.size()}, .has_key = true, .has_value = random() % 64 != 0};
      std::vector<float> row(settings.features + 1, -1);
      std::vector<float> expected(settings.features + 1, -1);
      float label = -1;
      float expected_label = -1;
      DecodeOutcome outcome;
      DecodeOutcome expected_outcome;
      decoder.decode({&record, 1}, 0, row.data(), &label, {&outcome, 1});
      plain.decode({&record, 1}, 0, expected.data(), &expected_label, {&expected_outcome, 1});
      ASSERT_EQ(outcome.good, expected_outcome.good) << name << ": " << text;
      ASSERT_EQ(row.back(), -1) << name << ": " << text << ": written beyond its end";
      if (!outcome.good) {
        ASSERT_EQ(outcome.reason, expected_outcome.reason) << name << ": " << text;
        ASSERT_EQ(outcome.field, expected_outcome.field) << name << ": " << text;
        continue;
      }
      ++good;
      ASSERT_EQ(bits(label), bits(expected_label)) << name << ": " << text;
      for (std::size_t i = 0; i < row.size(); ++i) {
        ASSERT_EQ(bits(row[i]), bits(expected[i])) << name << ": " << text << ": " << i;
      }
    }
    EXPECT_GT(good, 2000U) << name;
  }
}

TEST(ShortRows, AreTakenOnlyWhereTheyAreBeyondDoubt) {
  const ReadShortRow read = short_row_reader();
  if (read == nullptr) GTEST_SKIP() << "this processor reads rows field by field";
  const std::vector<std::int32_t> targets{0, -1, 1};
  const ShortRowLayout layout = short_row_layout(targets, ',');
  std::vector<float> row(2);
  float label = -1;
  const auto takes = [&](std::string_view value) {
    return read(value.data(), value.size(), layout, row.data(), label);
  };
  EXPECT_TRUE(takes("12,1,345"));
  EXPECT_EQ(row, (std::vector<float>{12, 345}));
  EXPECT_EQ(label, 1);
  for (const char* const other : {"", "12", "12,1", "12,1,3,4", "12,1,", ",1,3", "12,,3", "12,2,3",
                                  "12,1,1000", "12,1,-3", "12,1,3.5", "12,1, 3", "12;1;3", "12,1,3\n"}) {
    EXPECT_FALSE(takes(other)) << other;
  }
  EXPECT_FALSE(takes(std::string(60, '1') + ",1,2"));
}

TEST(ShortRows, HaveALayoutOnlyWhereFieldsStandInTheOrderOfFeatures) {
  using Targets = std::vector<std::int32_t>;
  EXPECT_EQ(short_row_layout(Targets{0, -2, 1, -1}, ',').features, 0b0101U);
  EXPECT_EQ(short_row_layout(Targets{0, -2, 1, -1}, ',').label, 3);
  EXPECT_EQ(short_row_layout(Targets{1, 0}, ',').fields, 0U);
  EXPECT_EQ(short_row_layout(Targets(17, -2), ',').fields, 0U);
  EXPECT_EQ(short_row_layout(Targets{0, 1}, '5').fields, 0U) << "a digit separates them";
}

}  // namespace
}  // namespace millrace
