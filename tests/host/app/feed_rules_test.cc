#include "app/feed_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/config/resolving.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::vector<std::string> produce_with(std::vector<std::string> more) {
  more.insert(more.begin(), {"produce", "--brokers", "b", "--topic", "t"});
  return more;
}

FeedRules rules_of(const std::vector<std::string>& more) { return feed_rules(resolve(produce_with(more))); }

OptionError rules_error(const std::vector<std::string>& more) {
  try {
    static_cast<void>(rules_of(more));
  } catch (const OptionError& error) {
    return error;
  }
  ADD_FAILURE() << "no OptionError";
  return {OptionError::Kind::unknown, "", "", ""};
}

TEST(FeedRules, SendEveryColumnOnceUnlessToldOtherwise) {
  const FeedRules rules = rules_of({});
  EXPECT_THAT(rules.record.columns, IsEmpty());
  EXPECT_EQ(rules.record.label, "");
  EXPECT_FALSE(rules.split);
  EXPECT_EQ(rules.repeat, 1U);
}

TEST(FeedRules, TakeWhatTheOptionsSay) {
  const FeedRules rules =
      rules_of({"--columns", "a,b", "--label", "c", "--label-as", "column", "--label-map", "2=0,4=1",
                "--part", "test", "--test-share", "0.25", "--split-seed", "7", "--repeat", "3"});
  EXPECT_THAT(rules.record.columns, ElementsAre("a", "b"));
  EXPECT_EQ(rules.record.label, "c");
  EXPECT_EQ(rules.record.label_place, LabelPlace::last_column);
  EXPECT_THAT(rules.record.label_map, ElementsAre(Pair("2", "0"), Pair("4", "1")));
  ASSERT_TRUE(rules.split);
  EXPECT_EQ(rules.split->seed, 7U);
  EXPECT_EQ(rules.split->test_share, 0.25);
  EXPECT_EQ(rules.split->part, SplitPart::test);
  EXPECT_EQ(rules.repeat, 3U);
}

TEST(FeedRules, RefuseALabelMapThatIsNoMap) {
  for (const char* const map : {"2", "2=", "=0", "2=0,4", "2=0,2=1"}) {
    const OptionError error = rules_error({"--label", "c", "--label-map", map});
    EXPECT_EQ(error.kind, OptionError::Kind::invalid) << map;
    EXPECT_EQ(error.option, "--label-map") << map;
  }
}

TEST(FeedRules, RefuseOptionsThatDoNothingAlone) {
  EXPECT_EQ(rules_error({"--label-map", "2=0"}).option, "--label-map");
  EXPECT_EQ(rules_error({"--label-as", "column"}).option, "--label-as");
  EXPECT_EQ(rules_error({"--test-share", "0.4"}).option, "--test-share");
  EXPECT_EQ(rules_error({"--split-seed", "2"}).option, "--split-seed");
  EXPECT_EQ(rules_error({"--part", "test"}).option, "--test-share");
}

TEST(FeedRules, RefuseTheLabelAsAFeature) {
  EXPECT_EQ(rules_error({"--columns", "a,c", "--label", "c"}).option, "--columns");
}

}  // namespace
}  // namespace millrace
