#include "report/status_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "host/report/sample_status.h"
#include "report/live_page.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

nlohmann::json json_of(const RunStatus& status) { return nlohmann::json::parse(status_json(status)); }

TEST(StatusJson, HoldsWhatThePageShows) {
  const nlohmann::json json = json_of(sample_status());
  EXPECT_EQ(json.at("schema_version"), 1);
  EXPECT_EQ(json.at("rows"), 1'234'567'890'123);
  EXPECT_EQ(json.at("partitions").at(1).at("lag"), 30);
  EXPECT_EQ(json.at("bad_records_by_reason"), (nlohmann::json{{"tombstone", 1}, {"column_count", 5}}));
  EXPECT_EQ(json.at("drift").at(0).at("deviations"), 2.0);
  EXPECT_EQ(json.at("curve").at("auc"), (nlohmann::json{nullptr, 0.9})) << "undefined is null";
}

TEST(StatusJson, IsThereBeforeAnythingHappened) {
  const nlohmann::json json = json_of({});
  EXPECT_TRUE(json.at("checkpoint").is_null());
  EXPECT_TRUE(json.at("loss").is_null());
  EXPECT_TRUE(json.at("curve").at("loss").empty());
}

TEST(StatusJson, StaysSmallHoweverLongTheRun) {
  RunStatus status = sample_status();
  status.curve.resize(LearningCurve::kMostPoints);
  for (std::size_t point = 0; point < status.curve.size(); ++point) {
    status.curve[point] = {.rows = point, .seconds = 0.1 * static_cast<double>(point), .loss = 1.0 / 3};
  }
  status.curve.back().loss = 7;
  const nlohmann::json losses = json_of(status).at("curve").at("loss");
  EXPECT_EQ(losses.size(), 400U);
  EXPECT_EQ(losses.back(), 7) << "the newest point is among them";
}

TEST(LivePage, NeedsNothingFromElsewhere) {
  const std::string& page = live_page();
  EXPECT_THAT(page, HasSubstr("--paper: #fdfcf8")) << "it looks as the report does";
  for (const char* other : {"http://", "https://", "src=", "@import", "url("}) {
    const std::size_t found = page.find(other);
    if (found == std::string::npos) continue;
    EXPECT_EQ(page.substr(found, 26), "http://www.w3.org/2000/svg") << "a name, not an address";
  }
}

}  // namespace
}  // namespace millrace
