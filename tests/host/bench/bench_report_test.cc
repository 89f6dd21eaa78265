#include "bench/bench_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

#include "bench/overlap_stage.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

BenchMachine machine() {
  return {.processor = "A processor",
          .threads = 2,
          .millrace = "1.2.3",
          .librdkafka = "2.0.2",
          .onednn = "oneDNN 2.6.3"};
}

TEST(BenchReport, SaysInBothFormsWhereItWasMeasured) {
  const BenchReport report{.stage = "step", .subject = "a network", .figures = {{"batch", 32}}};
  const auto json = nlohmann::json::parse(json_of(report, machine()));
  EXPECT_EQ(json.at("schema_version"), 1);
  EXPECT_EQ(json.at("stage"), "step");
  EXPECT_EQ(json.at("batch"), 32);
  EXPECT_EQ(json.at("machine").at("processor"), "A processor");
  EXPECT_EQ(json.at("versions").at("onednn"), "oneDNN 2.6.3");
  EXPECT_THAT(text_of(report, machine()),
              HasSubstr("A processor, 2 threads; millrace 1.2.3, librdkafka 2.0.2, oneDNN 2.6.3"));
}

TEST(BenchReport, AlignsNamesLeftAndFiguresRight) {
  const BenchReport report{.table = {{"", "rows/s"}, {"nine", "1"}, {"n", "10"}}};
  EXPECT_THAT(text_of(report, machine()), HasSubstr("        rows/s\n"
                                                    "  nine       1\n"
                                                    "  n         10\n"));
}

TEST(BenchReport, HasNullForWhatIsNotFinite) {
  EXPECT_EQ(finite_or_null(kNothing).dump(), "null");
  EXPECT_EQ(finite_or_null(0.5).dump(), "0.5");
}

TEST(OverlapStage, GivesTheHiddenShareOfTheCopyTime) {
  OverlapReport measured{.engine = "a GPU", .copy_ms = 4, .hidden_copy_ms = 3};
  measured.windows = {{{0, 1}, {1, 3}}, {{1, 2}, {3, 5}}};
  const BenchReport report = overlap_report(measured);
  EXPECT_EQ(report.figures.at("hidden_share"), 0.75);
  EXPECT_EQ(report.figures.at("windows").at(1).at("compute").at("end_ms"), 5.0);
  EXPECT_EQ(report.table.size(), 3U);
  EXPECT_THAT(text_of(report, machine()), HasSubstr("Hidden behind computing: 75.0 %"));
}

TEST(OverlapStage, ClaimsNoShareWhereNothingHadToHide) {
  const BenchReport report = overlap_report({.engine = "a GPU"});
  EXPECT_TRUE(report.figures.at("hidden_share").is_null());
}

}  // namespace
}  // namespace millrace
