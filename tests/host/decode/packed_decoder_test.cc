#include "decode/packed_decoder.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "millrace/errors.h"

#include "decode/packed_layout.h"
#include "decode/packed_writer.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using Reason = BadRecordReason;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

const DecoderSettings kInValue{
    .format = RecordFormat::packed, .features = 2, .label = {LabelRule::From::column, "y"}};
const DecoderSettings kInKey{.format = RecordFormat::packed, .features = 2};

struct TestRow {
  float a, b, label;
};

std::string value_of(const std::vector<TestRow>& rows, bool labelled = true) {
  PackedWriter writer(2, labelled);
  for (const TestRow& row : rows) writer.add(std::vector<float>{row.a, row.b}, row.label);
  return std::string(writer.take());
}

RecordView record(std::string_view value) {
  return {.key = "1", .value = value, .has_key = true, .has_value = true};
}

struct Rows {
  std::vector<float> values;
  std::vector<float> labels;
  std::vector<DecodeOutcome> outcomes;
};

Rows decode(const Decoder& decoder, const std::vector<RecordView>& records, std::uint32_t first_row,
            std::size_t count) {
  Rows rows{std::vector<float>(count * decoder.features()), std::vector<float>(count),
            std::vector<DecodeOutcome>(count)};
  decoder.decode(records, first_row, rows.values.data(), rows.labels.data(), rows.outcomes);
  return rows;
}

std::string told(const Decoder& decoder, const RecordView& record) {
  const Rows rows = decode(decoder, {record}, 0, decoder.rows_of(record));
  const DecodeOutcome& outcome = rows.outcomes.front();
  if (outcome.good) return "good";
  EXPECT_EQ(rows.outcomes.size(), 1U) << "a bad record takes the place of one";
  std::string text(name_of(outcome.reason));
  if (outcome.row >= 0) text.append(" row ").append(std::to_string(outcome.row));
  if (outcome.field >= 0) text.append(" field ").append(decoder.field_name(outcome.field));
  return text;
}
std::string told(const DecoderSettings& settings, const std::string& value) {
  return told(PackedDecoder(settings), record(value));
}

std::string with_byte(std::string value, std::size_t at, char byte) {
  value[at] = byte;
  return value;
}

TEST(PackedDecoder, GivesTheRowsOfSeveralRecordsOneAfterTheOther) {
  const PackedDecoder decoder(kInValue);
  const std::string first = value_of({{1, 2, 0}, {3, 4, 1}});
  const std::string second = value_of({{5, kNan, 0.5F}});
  EXPECT_EQ(decoder.rows_of(record(first)), 2U);
  const Rows rows = decode(decoder, {record(first), record(second)}, 0, 3);
  EXPECT_THAT(rows.values, ElementsAre(1, 2, 3, 4, 5, testing::IsNan()));
  EXPECT_THAT(rows.labels, ElementsAre(0, 1, 0.5F));
  for (const DecodeOutcome& outcome : rows.outcomes) EXPECT_TRUE(outcome.good);
}

TEST(PackedDecoder, BeginsAndEndsWithinARecord) {
  const PackedDecoder decoder(kInValue);
  std::vector<std::string> values;
  std::vector<RecordView> records;
  std::vector<float> all;
  std::mt19937_64 random(1);
  for (int i = 0; i < 20; ++i) {
    std::vector<TestRow> rows(1 + random() % 9);
    for (TestRow& row : rows) {
      row = {static_cast<float>(all.size()), 0, 1};
      all.push_back(row.a);
    }
    values.push_back(value_of(rows));
  }
  for (const std::string& value : values) records.push_back(record(value));
  const std::uint32_t in_first = decoder.rows_of(records.front());
  for (std::uint32_t begin = 0; begin < in_first; ++begin) {
    for (std::size_t end = begin + 1; end <= all.size(); ++end) {
      const Rows rows = decode(decoder, records, begin, end - begin);
      for (std::size_t i = begin; i < end; ++i) ASSERT_EQ(rows.values[2 * (i - begin)], all[i]);
    }
  }
}

TEST(PackedDecoder, TakesOneLabelForAllRowsFromKeyOrHeader) {
  const std::string labelled = value_of({{1, 2, 0}, {3, 4, 0}});
  const std::string plain = value_of({{1, 2, 0}, {3, 4, 0}}, false);
  for (const std::string& value : {labelled, plain}) {
    EXPECT_THAT(decode(PackedDecoder(kInKey), {record(value)}, 0, 2).labels, ElementsAre(1, 1));
  }
  DecoderSettings in_header = kInKey;
  in_header.label = {LabelRule::From::header, "y"};
  RecordView with_header = record(plain);
  with_header.header = "0.25";
  with_header.has_header = true;
  EXPECT_THAT(decode(PackedDecoder(in_header), {with_header}, 0, 2).labels, ElementsAre(0.25F, 0.25F));
  EXPECT_EQ(told(PackedDecoder(in_header), record(plain)), "label_missing");
  DecoderSettings none = kInKey;
  none.label = {LabelRule::From::none, {}};
  EXPECT_THAT(decode(PackedDecoder(none), {record(labelled)}, 0, 2).labels, ElementsAre(0, 0));
}

TEST(PackedDecoder, NamesTheFirstRowAndFieldThatIsWrong) {
  EXPECT_EQ(told(kInValue, value_of({{1, 2, 0}, {3, kInfinity, 1}, {-kInfinity, 1, 1}})),
            "not_finite row 1 field 2");
  EXPECT_EQ(told(kInValue, value_of({{1, 2, 0}, {3, 4, 1.5F}})), "label_invalid row 1 field y");
  EXPECT_EQ(told(kInValue, value_of({{1, 2, -0.5F}})), "label_invalid row 0 field y");
  EXPECT_EQ(told(kInValue, value_of({{1, 2, kInfinity}})), "label_invalid row 0 field y");
  EXPECT_EQ(told(kInValue, value_of({{1, 2, 0}, {3, 4, kNan}})), "label_missing row 1 field y");
  EXPECT_EQ(told(kInValue, value_of({{1, 2, -0.0F}, {-0.0F, kNan, 1}})), "good");
  std::vector<TestRow> many(5000, TestRow{1, 2, 1});
  many[4321].b = kInfinity;
  EXPECT_EQ(told(kInValue, value_of(many)), "not_finite row 4321 field 2");
  EXPECT_EQ(told(kInKey, value_of({{1, 2, 7}})), "good") << "nobody asked for these labels";
}

TEST(PackedDecoder, TellsWhatIsNotOfItsLayout) {
  const std::string good = value_of({{1, 2, 0}, {3, 4, 1}});
  EXPECT_EQ(told(kInValue, good), "good");
  for (std::size_t size = 0; size < good.size(); ++size) {
    ASSERT_EQ(told(kInValue, good.substr(0, size)), "malformed") << size;
  }
  EXPECT_EQ(told(kInValue, good + '\0'), "malformed");
  EXPECT_EQ(told(kInValue, with_byte(good, 0, 'x')), "malformed");      // magic
  EXPECT_EQ(told(kInValue, with_byte(good, 4, 2)), "malformed");        // version
  EXPECT_EQ(told(kInValue, with_byte(good, 6, 3)), "malformed");        // an unknown flag
  EXPECT_EQ(told(kInValue, with_byte(good, 8, 3)), "column_count");     // features
  EXPECT_EQ(told(kInValue, with_byte(good, 12, 0)), "malformed");       // no rows
  EXPECT_EQ(told(kInValue, with_byte(good, 15, '\xff')), "malformed");  // more than there are
  EXPECT_EQ(told(kInValue, value_of({{1, 2, 0}}, false)), "label_missing");
  EXPECT_EQ(told(PackedDecoder(kInValue), RecordView{.key = "1", .has_key = true}), "tombstone");
  DecoderSettings small = kInValue;
  small.max_record_bytes = good.size() - 1;
  EXPECT_EQ(told(small, good), "too_large");
}

// The page's three lines of numpy write the same bytes.
TEST(PackedDecoder, ReadsTheBytesThatThePageTellsOf) {
  const std::string written(
      "mrpk\x01\0\x01\0\x02\0\0\0\x01\0\0\0"
      "\0\0\x80\x3f\0\0\0\x40"
      "\0\0\x80\x3f",
      28);
  EXPECT_EQ(written, value_of({{1, 2, 1}}));
}

TEST(PackedDecoder, RefusesColumnsAndNamesThatDoNotFit) {
  DecoderSettings columns = kInValue;
  columns.columns = {"a", "b"};
  EXPECT_THROW(PackedDecoder{columns}, OptionError);
  DecoderSettings names = kInValue;
  names.feature_names = {"a"};
  EXPECT_THROW(PackedDecoder{names}, OptionError);
  names.feature_names = {"a", "b"};
  EXPECT_EQ(PackedDecoder(names).field_name(1), "b");
  EXPECT_EQ(PackedDecoder(names).field_name(2), "y");
}

}  // namespace
}  // namespace millrace
