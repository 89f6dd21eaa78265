#include "app/record_feed.h"

#include <algorithm>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <sstream>
#include <streambuf>

#include "app/input_row_error.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;

struct Record {
  std::string key;  // "-" for null
  std::string value;
  auto operator<=>(const Record&) const = default;
};

std::vector<Record> fed(std::istream& input, const FeedRules& rules) {
  std::vector<Record> records;
  RecordFeed(input, "rows.csv", rules).run([&](const MadeRecord& record) {
    records.push_back({std::string(record.key.value_or("-")), std::string(record.value)});
  });
  return records;
}

std::vector<Record> fed(const std::string& text, const FeedRules& rules) {
  std::istringstream input(text);
  return fed(input, rules);
}

FeedRules cancer_rules(std::optional<SplitRule> split) {
  return {.record = {.label = "class", .label_map = {{"2", "0"}, {"4", "1"}}}, .split = split};
}

std::vector<Record> cancer(std::optional<SplitRule> split) {
  std::ifstream file(MILLRACE_SOURCE_DIR "/data/breast-cancer-wisconsin.csv");
  return fed(file, cancer_rules(split));
}

TEST(RecordFeed, PartsTheBreastCancerRowsAsTheArticleDoes) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    std::vector<Record> both = cancer(SplitRule{seed, 0.4, SplitPart::train});
    const std::vector<Record> test = cancer(SplitRule{seed, 0.4, SplitPart::test});
    EXPECT_EQ(both.size(), 419U);
    EXPECT_EQ(test.size(), 280U);
    both.insert(both.end(), test.begin(), test.end());
    std::vector<Record> all = cancer(std::nullopt);
    EXPECT_NE(both, all) << "not shuffled";
    std::ranges::sort(both);
    std::ranges::sort(all);
    EXPECT_EQ(both, all);
  }
}

TEST(RecordFeed, MapsTheBreastCancerLabels) {
  std::map<std::string, int> labels;
  for (const Record& record : cancer(std::nullopt)) {
    ++labels[record.key];
    EXPECT_EQ(std::ranges::count(record.value, ','), 8);
  }
  EXPECT_EQ(labels, (std::map<std::string, int>{{"0", 458}, {"1", 241}}));
}

TEST(RecordFeed, KeepsTheOrderOfTheInputWithoutASplit) {
  EXPECT_THAT(fed("a\n3\n1\n2\n", {}), ElementsAre(Record{"-", "3"}, Record{"-", "1"}, Record{"-", "2"}));
}

TEST(RecordFeed, RepeatsAllRowsInTheSameOrder) {
  EXPECT_THAT(fed("a\n3\n1\n", {.repeat = 2}),
              ElementsAre(Record{"-", "3"}, Record{"-", "1"}, Record{"-", "3"}, Record{"-", "1"}));
  FeedRules split{.split = SplitRule{4, 0.5, SplitPart::test}};
  const std::vector<Record> once = fed("a\n1\n2\n3\n4\n5\n", split);
  ASSERT_EQ(once.size(), 3U);
  split.repeat = 2;
  const std::vector<Record> twice = fed("a\n1\n2\n3\n4\n5\n", split);
  ASSERT_EQ(twice.size(), 6U);
  EXPECT_TRUE(std::equal(once.begin(), once.end(), twice.begin()));
  EXPECT_TRUE(std::equal(once.begin(), once.end(), twice.begin() + 3));
}

TEST(RecordFeed, SendsNothingOfAnInputThatHasOnlyAHeader) {
  EXPECT_THAT(fed("a,b\n", {}), ElementsAre());
  EXPECT_THAT(fed("a,b\n", {.split = SplitRule{}}), ElementsAre());
}

TEST(RecordFeed, NeedsAHeader) {
  std::istringstream input("");
  EXPECT_THROW(RecordFeed(input, "rows.csv", {}), InputRowError);
}

// An endless input: a line at a time, and only when it is asked for one.
class Typist : public std::streambuf {
 public:
  int lines() const { return lines_; }

 private:
  int underflow() override {
    line_ = lines_ == 0 ? "a\n" : std::to_string(lines_) + "\n";
    ++lines_;
    setg(line_.data(), line_.data(), line_.data() + line_.size());
    return traits_type::to_int_type(line_.front());
  }
  std::string line_;
  int lines_ = 0;
};

TEST(RecordFeed, SendsEachRowBeforeItReadsTheNext) {
  Typist typist;
  std::istream input(&typist);
  RecordFeed feed(input, "standard input", {});
  std::uint64_t rows = 0;
  struct Enough {};
  EXPECT_THROW(feed.run([&](const MadeRecord& record) {
    ++rows;
    EXPECT_EQ(record.value, std::to_string(rows));
    EXPECT_EQ(typist.lines(), static_cast<int>(rows) + 1);
    if (rows == 100) throw Enough{};
  }),
               Enough);
  EXPECT_EQ(rows, 100U);
}

TEST(RecordFeed, FindsABadRowBeforeItSendsTheFirstWhereAllRowsAreHeld) {
  std::istringstream input("a,b\n1,2\n3\n");
  EXPECT_THROW(RecordFeed(input, "rows.csv", {.repeat = 2}), InputRowError);
}

TEST(RecordFeed, SendsTheRowsBeforeABadOneWhereRowsGoThrough) {
  std::istringstream input("a,b\n1,2\n3\n");
  RecordFeed feed(input, "rows.csv", {});
  int sent = 0;
  EXPECT_THROW(feed.run([&](const MadeRecord&) { ++sent; }), InputRowError);
  EXPECT_EQ(sent, 1);
}

}  // namespace
}  // namespace millrace
