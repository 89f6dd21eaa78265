#include "app/record_maker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

#include "app/input_row_error.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// Key ("-" for null) and value of every row.
std::vector<std::pair<std::string, std::string>> made(const RecordRules& rules, const std::string& text) {
  std::istringstream input(text);
  CsvReader reader(input, "rows.csv");
  EXPECT_TRUE(reader.next());
  RecordMaker maker(rules, reader);
  std::vector<std::pair<std::string, std::string>> records;
  while (reader.next()) {
    const MadeRecord record = maker.make(reader);
    records.emplace_back(record.key.value_or("-"), record.value);
  }
  return records;
}

InputRowError row_error(const RecordRules& rules, const std::string& text) {
  try {
    static_cast<void>(made(rules, text));
  } catch (const InputRowError& error) {
    return error;
  }
  ADD_FAILURE() << "no InputRowError";
  return {"", 0, ""};
}

constexpr const char* kText = "id,a,class,b\nx,1,2,?\ny,3,4,\n";

TEST(RecordMaker, SendsEveryColumnWithANullKeyWhereThereIsNoLabel) {
  EXPECT_THAT(made({}, kText), ElementsAre(Pair("-", "x,1,2,?"), Pair("-", "y,3,4,")));
}

TEST(RecordMaker, SendsTheLabelAsKeyAndTheOthersAsValue) {
  EXPECT_THAT(made({.label = "class"}, kText), ElementsAre(Pair("2", "x,1,?"), Pair("4", "y,3,")));
}

TEST(RecordMaker, SendsTheLabelAsLastColumn) {
  EXPECT_THAT(made({.label = "class", .label_place = LabelPlace::last_column}, kText),
              ElementsAre(Pair("-", "x,1,?,2"), Pair("-", "y,3,,4")));
}

TEST(RecordMaker, ChoosesAndOrdersColumns) {
  EXPECT_THAT(made({.columns = {"b", "a"}, .label = "class"}, kText),
              ElementsAre(Pair("2", "?,1"), Pair("4", ",3")));
  EXPECT_THAT(made({.columns = {"b"}}, kText), ElementsAre(Pair("-", "?"), Pair("-", "")));
}

TEST(RecordMaker, MapsLabelsAndNothingElse) {
  const RecordRules rules{.label = "class", .label_map = {{"2", "0"}, {"4", "1"}}};
  EXPECT_THAT(made(rules, "a,class\n2,2\n4,4\n"), ElementsAre(Pair("0", "2"), Pair("1", "4")));
  RecordRules as_column = rules;
  as_column.label_place = LabelPlace::last_column;
  EXPECT_THAT(made(as_column, "a,class\n2,2\n4,4\n"), ElementsAre(Pair("-", "2,0"), Pair("-", "4,1")));
}

TEST(RecordMaker, KeepsFieldsThatNeedQuotesReadable) {
  EXPECT_THAT(made({.label = "b"}, "a,b\n\"1,5\",\"k,\"\"v\"\n"), ElementsAre(Pair("k,\"v", "\"1,5\"")));
}

TEST(RecordMaker, RefusesALabelThatIsNotInTheMap) {
  const InputRowError error = row_error({.label = "class", .label_map = {{"2", "0"}}}, kText);
  EXPECT_EQ(error.line, 3U);
  EXPECT_THAT(error.reason, HasSubstr("label 4"));
  EXPECT_THAT(error.reason, HasSubstr("--label-map"));
}

TEST(RecordMaker, RefusesRowsOfAnotherWidthThanTheHeader) {
  EXPECT_EQ(row_error({}, "a,b\n1,2\n1\n").line, 3U);
  EXPECT_EQ(row_error({}, "a,b\n1,2,3\n").line, 2U);
  EXPECT_THAT(row_error({}, "a,b\n1,2,3\n").reason, HasSubstr("expected 2 fields"));
}

TEST(RecordMaker, NamesAColumnThatIsNotThereAndSuggestsTheNearest) {
  for (const RecordRules& rules : {RecordRules{.columns = {"clas"}}, RecordRules{.label = "clas"}}) {
    try {
      static_cast<void>(made(rules, kText));
      ADD_FAILURE() << "taken";
    } catch (const OptionError& error) {
      EXPECT_EQ(error.kind, OptionError::Kind::unknown);
      EXPECT_THAT(error.option, HasSubstr("clas"));
      EXPECT_EQ(error.nearest, "class");
      EXPECT_THAT(error.reason, HasSubstr("rows.csv:1 has the columns id, a, class, b"));
    }
  }
}

TEST(RecordMaker, RefusesAColumnNameThatStandsTwice) {
  EXPECT_EQ(row_error({.label = "a"}, "a,b,a\n1,2,3\n").line, 1U);
  EXPECT_THAT(made({.label = "b"}, "a,b,a\n1,2,3\n"), ElementsAre(Pair("2", "1,3")));
}

}  // namespace
}  // namespace millrace
