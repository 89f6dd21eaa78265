#include "window/stop_rule.h"

#include <gtest/gtest.h>

#include "millrace/errors.h"

namespace millrace {
namespace {

using When = StopRule::When;

TEST(StopRule, IsReadFromItsFourForms) {
  EXPECT_EQ(parse_stop_rule("never"), StopRule{});
  EXPECT_EQ(parse_stop_rule("end"), StopRule{.when = When::end});
  EXPECT_EQ(parse_stop_rule("idle:1500"),
            (StopRule{.when = When::idle, .idle = std::chrono::milliseconds(1500)}));
  EXPECT_EQ(parse_stop_rule("records:7"), (StopRule{.when = When::records, .records = 7}));
}

TEST(StopRule, RefusesAnythingElseByItsOption) {
  for (const char* wrong :
       {"", "End", "idle", "idle:", "idle:0", "idle:-1", "idle:1s", "idle: 1", "records:0",
        "records:99999999999999999999", "idle:999999999999999999", "records:1.5", "after:3"}) {
    try {
      (void)parse_stop_rule(wrong);
      ADD_FAILURE() << wrong;
    } catch (const OptionError& error) {
      EXPECT_EQ(error.option, "--stop");
      EXPECT_EQ(error.value, wrong);
    }
  }
}

}  // namespace
}  // namespace millrace
