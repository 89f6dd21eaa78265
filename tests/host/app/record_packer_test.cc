#include "app/record_packer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <vector>

#include "millrace/errors.h"

#include "app/input_row_error.h"
#include "decode/packed_decoder.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsNan;

constexpr const char* kText = "a,class,b\n1,2,3.5\n?,4,\n-1e3,4,\" 7 \"\n";
const RecordRules kRules{.label = "class",
                         .label_place = LabelPlace::last_column,
                         .label_map = {{"2", "0"}, {"4", "1"}},
                         .numbers_only = true};

std::vector<std::string> packed(const RecordRules& rules, const std::string& text,
                                std::uint32_t rows_per_record) {
  std::istringstream input(text);
  RecordFeed feed(input, "rows.csv", {.record = rules});
  std::vector<std::string> values;
  RecordPacker packer(feed.fields(), !rules.label.empty(), rows_per_record, [&](const MadeRecord& record) {
    EXPECT_FALSE(record.key);
    values.emplace_back(record.value);
  });
  feed.run([&](const MadeRecord& record) { packer.add(record); });
  packer.flush();
  return values;
}

std::string error_of(const RecordRules& rules, const std::string& text) {
  try {
    static_cast<void>(packed(rules, text, 10));
  } catch (const InputRowError& error) {
    return error.what();
  }
  return "none";
}

TEST(RecordPacker, PutsSoManyRowsIntoARecordAndTheRestIntoTheLast) {
  const std::vector<std::string> values = packed(kRules, kText, 2);
  ASSERT_EQ(values.size(), 2U);
  const PackedDecoder decoder({.features = 2, .label = {LabelRule::From::column, "class"}});
  std::vector<RecordView> records;
  for (const std::string& value : values) records.push_back({.value = value, .has_value = true});
  EXPECT_EQ(decoder.rows_of(records[0]), 2U);
  EXPECT_EQ(decoder.rows_of(records[1]), 1U);
  std::vector<float> numbers(6);
  std::vector<float> labels(3);
  std::vector<DecodeOutcome> outcomes(3);
  decoder.decode(records, 0, numbers.data(), labels.data(), outcomes);
  EXPECT_THAT(numbers, ElementsAre(1, 3.5F, IsNan(), IsNan(), -1000, 7));
  EXPECT_THAT(labels, ElementsAre(0, 1, 1));
}

TEST(RecordPacker, LeavesLabelsOutWhereThereAreNone) {
  const std::vector<std::string> values = packed({.columns = {"b", "a"}, .numbers_only = true}, kText, 3);
  ASSERT_EQ(values.size(), 1U);
  EXPECT_EQ(values.front().size(), 16 + 3 * 2 * sizeof(float));
}

TEST(RecordPacker, NamesTheLineAndTheColumnOfWhatIsNoNumber) {
  EXPECT_THAT(error_of(kRules, "a,class,b\n1,2,3\n1,2,x\n"), HasSubstr("rows.csv:3: x in column 3"));
  EXPECT_THAT(error_of(kRules, "a,class,b\n1e99,2,3\n"), HasSubstr("rows.csv:2: 1e99 in column 1"));
  RecordRules unmapped = kRules;
  unmapped.label_map.clear();
  EXPECT_THAT(error_of(unmapped, "a,class,b\n1,2,3\n"), HasSubstr("no label from 0 to 1"));
  EXPECT_THAT(error_of(unmapped, "a,class,b\n1,,3\n"), HasSubstr("no label from 0 to 1"));
}

TEST(RecordPacker, RefusesRowsWithoutFeatures) {
  EXPECT_THROW(static_cast<void>(packed(kRules, "class\n2\n", 3)), OptionError);
}

}  // namespace
}  // namespace millrace
