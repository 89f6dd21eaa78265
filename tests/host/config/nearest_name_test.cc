#include "config/nearest_name.h"

#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace millrace {
namespace {

TEST(SpellingDistance, CountsInsertionsDeletionsReplacementsAndSwaps) {
  EXPECT_EQ(spelling_distance("window", "window"), 0U);
  EXPECT_EQ(spelling_distance("window", "windw"), 1U);
  EXPECT_EQ(spelling_distance("window", "windoow"), 1U);
  EXPECT_EQ(spelling_distance("window", "vindow"), 1U);
  EXPECT_EQ(spelling_distance("window", "wnidow"), 1U);
  EXPECT_EQ(spelling_distance("window", "WINDOW"), 0U);
  EXPECT_EQ(spelling_distance("", "abc"), 3U);
  EXPECT_EQ(spelling_distance("abc", ""), 3U);
  EXPECT_EQ(spelling_distance("ca", "abc"), 3U);  // no letter is touched twice
}

TEST(SpellingDistance, IsSymmetricAndBoundedByTheEditsThatWereMade) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 2000; ++trial) {
    std::string first;
    for (auto length = random() % 9; length > 0; --length) first += static_cast<char>('a' + random() % 3);
    std::string second = first;
    const std::size_t edits = random() % 4;
    for (std::size_t edit = 0; edit < edits; ++edit) {
      const std::size_t at = second.empty() ? 0 : random() % second.size();
      if (random() % 2 == 0 || second.empty()) {
        second.insert(at, 1, static_cast<char>('a' + random() % 3));
      } else {
        second.erase(at, 1);
      }
    }
    const std::size_t distance = spelling_distance(first, second);
    EXPECT_EQ(distance, spelling_distance(second, first)) << first << ' ' << second;
    EXPECT_LE(distance, edits) << first << ' ' << second;
    EXPECT_EQ(distance == 0, first == second);
  }
}

TEST(NearestName, FindsTheSlipAndTakesTheFirstOfEquals) {
  const std::vector<std::string> names = {"window-rows", "window-ms", "batch", "watch"};
  EXPECT_EQ(nearest_name("widnow-rows", names), "window-rows");
  EXPECT_EQ(nearest_name("Window_Rows", names), "window-rows");
  EXPECT_EQ(nearest_name("catch", names), "batch");
}

TEST(NearestName, SuggestsNothingThatIsFarAway) {
  const std::vector<std::string> names = {"from", "stop", "keep"};
  EXPECT_EQ(nearest_name("foo", names), "");
  EXPECT_EQ(nearest_name("x", names), "");
  EXPECT_EQ(nearest_name("", names), "");
}

TEST(NearestName, DoesNotCountACommonPrefixAsNearness) {
  const std::vector<std::string> names = {"MILLRACE_FROM", "MILLRACE_STOP"};
  EXPECT_EQ(nearest_name("MILLRACE_X", names, "MILLRACE_"), "");
  EXPECT_EQ(nearest_name("MILLRACE_FORM", names, "MILLRACE_"), "MILLRACE_FROM");
}

}  // namespace
}  // namespace millrace
