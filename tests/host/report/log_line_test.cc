#include "report/log_line.h"

#include <gtest/gtest.h>
#include <limits>
#include <nlohmann/json.hpp>

namespace millrace {
namespace {

using nlohmann::json;

constexpr std::int64_t kNow = 1'764'000'000'007;  // 2025-11-24T16:00:00.007Z

TEST(LogLine, SaysWhenAndHowGrave) {
  const json note = json::parse(note_line(kNow, "a \"b\"\nc"));
  EXPECT_EQ(note.at("time"), "2025-11-24T16:00:00.007Z");
  EXPECT_EQ(note.at("level"), "info");
  EXPECT_EQ(note.at("message"), "a \"b\"\nc");
  EXPECT_EQ(json::parse(warning_line(kNow, "w")).at("level"), "warning");
  const json failure = json::parse(failure_line(kNow, "f", 3));
  EXPECT_EQ(failure.at("level"), "error");
  EXPECT_EQ(failure.at("exit_code"), 3);
}

TEST(LogLine, IsOneLineWhateverItTells) {
  EXPECT_EQ(note_line(kNow, "a\nb\r\xff").find('\n'), std::string::npos);
  EXPECT_TRUE(json::accept(note_line(kNow, "\xff")));
}

TEST(LogLine, HasFiguresOfProgressAsNumbers) {
  const json line = json::parse(progress_line(kNow, "progress",
                                              {.seconds = 2,
                                               .rows = 12'345,
                                               .rows_per_s = 6000,
                                               .loss = std::numeric_limits<double>::quiet_NaN(),
                                               .lag = 7,
                                               .has_end = true,
                                               .seconds_left = 40}));
  EXPECT_EQ(line.at("event"), "progress");
  EXPECT_EQ(line.at("rows"), 12'345);
  EXPECT_EQ(line.at("lag"), 7);
  EXPECT_EQ(line.at("seconds_left"), 40);
  EXPECT_TRUE(line.at("loss").is_null());
  EXPECT_TRUE(line.at("auc").is_null());
}

}  // namespace
}  // namespace millrace
