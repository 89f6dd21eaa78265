#include "app/csv_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <sstream>

#include "app/input_row_error.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using Rows = std::vector<std::vector<std::string>>;

Rows rows_of(const std::string& text) {
  std::istringstream input(text);
  CsvReader reader(input, "rows.csv");
  Rows rows;
  while (reader.next()) rows.emplace_back(reader.fields().begin(), reader.fields().end());
  return rows;
}

std::uint64_t line_of_error(const std::string& text) {
  try {
    static_cast<void>(rows_of(text));
  } catch (const InputRowError& error) {
    EXPECT_EQ(error.input, "rows.csv");
    return error.line;
  }
  return 0;
}

TEST(CsvReader, SplitsRowsAtCommas) {
  EXPECT_THAT(rows_of("a,b\n1, 2 \n,\n"),
              ElementsAre(ElementsAre("a", "b"), ElementsAre("1", " 2 "), ElementsAre("", "")));
}

TEST(CsvReader, TakesEitherLineEndAndAMissingLastOne) {
  EXPECT_THAT(rows_of("a,b\r\n1,2\r\n3,4"),
              ElementsAre(ElementsAre("a", "b"), ElementsAre("1", "2"), ElementsAre("3", "4")));
}

TEST(CsvReader, SkipsAByteOrderMarkAndEmptyLines) {
  EXPECT_THAT(rows_of("\xEF\xBB\xBF\n"
                      "a\n\r\n\n1\n\n"),
              ElementsAre(ElementsAre("a"), ElementsAre("1")));
  EXPECT_THAT(rows_of("\xEF\xBB\xBF"
                      "a\n"),
              ElementsAre(ElementsAre("a")));
  EXPECT_THAT(rows_of(""), ElementsAre());
}

TEST(CsvReader, TakesCommasQuotesAndLineBreaksInQuotes) {
  EXPECT_THAT(rows_of("\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\"\n\"\",x\n"),
              ElementsAre(ElementsAre("a,b", "say \"hi\"", "two\nlines"), ElementsAre("", "x")));
  EXPECT_THAT(rows_of("5\" disk,b\n"), ElementsAre(ElementsAre("5\" disk", "b")));
}

TEST(CsvReader, KnowsTheLineWhereARowBegins) {
  std::istringstream input("a\n\n\"x\ny\"\nz\n");
  CsvReader reader(input, "rows.csv");
  std::vector<std::uint64_t> lines;
  while (reader.next()) lines.push_back(reader.line());
  EXPECT_THAT(lines, ElementsAre(1, 3, 5));
}

TEST(CsvReader, NamesTheLineWhereQuotesAreBroken) {
  EXPECT_EQ(line_of_error("a\n\"b\"c\n"), 2U);
  EXPECT_EQ(line_of_error("a\nb\n\"never\nclosed\n"), 3U);
}

TEST(CsvReader, ReadsBackWhatWasWritten) {
  std::mt19937 random(3);
  const std::string letters = "a1,\"\n ?";
  for (int trial = 0; trial < 500; ++trial) {
    Rows rows(1 + random() % 4);
    std::string text;
    for (std::vector<std::string>& row : rows) {
      row.resize(2 + random() % 3);
      for (std::size_t at = 0; at < row.size(); ++at) {
        for (auto length = random() % 5; length > 0; --length) row[at] += letters[random() % letters.size()];
        if (at > 0) text += ',';
        append_csv_field(text, row[at]);
      }
      text += '\n';
    }
    EXPECT_EQ(rows_of(text), rows) << text;
  }
}

}  // namespace
}  // namespace millrace
