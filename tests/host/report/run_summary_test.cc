#include "report/run_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <nlohmann/json.hpp>

#include "report/figures.h"

namespace millrace {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TrainSummary trained() {
  TrainSummary summary;
  summary.run = {.records = 60'400,
                 .rows = 60'336,
                 .windows = 236,
                 .steps = 5658,
                 .skipped_steps = 0,
                 .bad_records = 64,
                 .bad_records_by_reason = {{"not_a_number", 60}, {"column_count", 4}, {"tombstone", 0}},
                 .seconds = 1.25};
  summary.lifetime = summary.run;
  summary.lifetime.rows = 120'672;
  summary.engine = "cpu, avx512, 1 thread";
  summary.loss = 0.0912;
  summary.accuracy = 0.968;
  summary.positions = {
      {{"cancer", 0}, {60'400, 0}, {}}, {{"cancer", 1}, {7, 0}, {}}, {{"other", 0}, {9, 0}, {}}};
  return summary;
}

InspectSummary inspected() {
  InspectSummary summary;
  summary.file = "state/checkpoint-0000000004.millrace";
  summary.version = "0.1.0";
  summary.sequence = 4;
  summary.written_at_ms = 1'790'000'000'000;
  summary.lifetime = trained().run;
  summary.widths = {9, 128, 256, 128, 1};
  summary.parameters = 67'329;
  summary.weights_digest = 0x1234;
  summary.state_digest = std::numeric_limits<std::uint64_t>::max();
  summary.positions = trained().positions;
  summary.settings = {{"format", std::string("csv")},  {"topics", std::vector<std::string>{"a", "b"}},
                      {"learning-rate", 1e-3},         {"standardize", true},
                      {"window-ms", std::int64_t{-1}}, {"seed", std::numeric_limits<std::uint64_t>::max()}};
  summary.standardizer = {{"clump", 60'336, 4.5, 2.8}, {"nuclei", 0, std::nullopt, std::nullopt}};
  return summary;
}

TEST(TrainSummary, HoldsTheMembersThatScriptsRelyOn) {
  const Json json = Json::parse(json_of(trained()));
  EXPECT_EQ(json.at("schema_version"), 1);
  EXPECT_EQ(json.at("rows"), 60'336);
  EXPECT_EQ(json.at("windows"), 236);
  EXPECT_EQ(json.at("steps"), 5658);
  EXPECT_EQ(json.at("bad_records"), 64);
  EXPECT_EQ(json.at("bad_records_by_reason").at("not_a_number"), 60);
  EXPECT_DOUBLE_EQ(json.at("seconds"), 1.25);
  EXPECT_DOUBLE_EQ(json.at("rows_per_s"), 60'336 / 1.25);
  EXPECT_EQ(json.at("engine"), "cpu, avx512, 1 thread");
  EXPECT_DOUBLE_EQ(json.at("loss"), 0.0912);
  EXPECT_DOUBLE_EQ(json.at("accuracy"), 0.968);
  EXPECT_TRUE(json.at("auc").is_null());
  EXPECT_EQ(json.at("positions"), Json::parse(R"({"cancer": {"0": 60400, "1": 7}, "other": {"0": 9}})"));
  EXPECT_EQ(json.at("data_losses"), 0);
  EXPECT_EQ(json.at("lost_offsets"), 0);
  const Json& lifetime = json.at("lifetime");
  for (const char* member : {"rows", "windows", "steps", "bad_records", "seconds", "rows_per_s"}) {
    EXPECT_TRUE(lifetime.contains(member)) << member;
  }
  EXPECT_EQ(lifetime.at("rows"), 120'672);
}

TEST(TrainSummary, SaysNullWhereNothingWasMeasured) {
  TrainSummary summary;
  summary.loss = kNan;
  summary.auc = std::numeric_limits<double>::infinity();
  const Json json = Json::parse(json_of(summary));
  for (const char* member : {"loss", "accuracy", "auc", "checkpoint"})
    EXPECT_TRUE(json.at(member).is_null()) << member;
  EXPECT_EQ(json.at("rows_per_s"), 0);
  EXPECT_EQ(json.at("positions"), Json::object());
}

TEST(TrainSummary, IsJsonWhateverTheNamesHold) {
  TrainSummary summary = trained();
  summary.positions[0].partition.topic = "caf\xe9 \"\n";
  EXPECT_TRUE(Json::accept(json_of(summary)));
}

TEST(TrainSummary, IsTextThatPeopleRead) {
  const std::string text = text_of(trained());
  EXPECT_THAT(text,
              HasSubstr("Trained on 60 336 rows in 236 windows and 5 658 steps, 1.25 s: 48 269 rows/s."));
  EXPECT_THAT(text, HasSubstr("loss 0.0912, accuracy 0.9680, AUC -"));
  EXPECT_THAT(text, HasSubstr("64 (60 not a number, 4 column count)"));
  EXPECT_THAT(text, HasSubstr("cancer/0 at offset 60400\n"));
  EXPECT_THAT(text, Not(HasSubstr("skipped")));
  EXPECT_THAT(text_of(TrainSummary()), HasSubstr("Trained on 0 rows in 0 windows and 0 steps"));
}

TEST(TrainSummary, TellsOfLossesWhereThereWereSome) {
  TrainSummary summary = trained();
  EXPECT_THAT(text_of(summary), Not(HasSubstr("data lost")));
  summary.data_losses = 2;
  summary.lost_offsets = 1500;
  EXPECT_THAT(text_of(summary), HasSubstr("data lost      2 times, 1 500 offsets at least"));
}

TEST(EvaluateSummary, HoldsTheMembersThatScriptsRelyOn) {
  EvaluateSummary summary;
  summary.rows = 280;
  summary.records = 281;
  summary.bad_records = 1;
  summary.seconds = 0.02;
  summary.loss = 0.083;
  summary.accuracy = 0.975;
  summary.auc = 0.996;
  summary.confusion = {95, 5, 178, 2};
  summary.positions = {{{"test", 0}, {183, 0}, {}}};
  const Json json = Json::parse(json_of(summary));
  EXPECT_EQ(json.at("schema_version"), 1);
  EXPECT_EQ(json.at("rows"), 280);
  EXPECT_EQ(json.at("bad_records"), 1);
  EXPECT_DOUBLE_EQ(json.at("loss"), 0.083);
  EXPECT_DOUBLE_EQ(json.at("accuracy"), 0.975);
  EXPECT_DOUBLE_EQ(json.at("auc"), 0.996);
  EXPECT_EQ(json.at("confusion"),
            Json::parse(
                R"({"true_positive": 95, "false_positive": 5, "true_negative": 178, "false_negative": 2})"));
  EXPECT_EQ(json.at("positions").at("test").at("0"), 183);

  const std::string text = text_of(summary);
  EXPECT_THAT(text, HasSubstr("Evaluated 280 rows in 0.02 s"));
  EXPECT_THAT(text, HasSubstr("  label 0      178       5\n  label 1        2      95"));
}

TEST(InspectSummary, HoldsTheMembersThatScriptsRelyOn) {
  const Json json = Json::parse(json_of(inspected()));
  EXPECT_EQ(json.at("rows"), 60'336);
  EXPECT_EQ(json.at("steps"), 5658);
  EXPECT_EQ(json.at("windows"), 236);
  EXPECT_EQ(json.at("bad_records"), 64);
  EXPECT_EQ(json.at("parameters"), 67'329);
  EXPECT_EQ(json.at("features"), 9);
  EXPECT_EQ(json.at("layers"), Json::parse("[128, 256, 128]"));
  EXPECT_EQ(json.at("weights_digest"), "0000000000001234");
  EXPECT_EQ(json.at("state_digest"), "ffffffffffffffff");
  EXPECT_EQ(json.at("written_at"), "2026-09-21T14:13:20Z");
  EXPECT_EQ(json.at("version"), "0.1.0");
  EXPECT_EQ(json.at("file"), "state/checkpoint-0000000004.millrace");
  EXPECT_EQ(json.at("positions").at("cancer").at("1"), 7);
  EXPECT_EQ(
      json.at("settings"),
      Json::parse(R"({"format": "csv", "topics": ["a", "b"], "learning-rate": 0.001, "standardize": true,
                            "window-ms": -1, "seed": 18446744073709551615})"));
  EXPECT_EQ(json.at("standardizer"),
            Json::parse(R"([{"feature": "clump", "count": 60336, "mean": 4.5, "standard_deviation": 2.8},
                            {"feature": "nuclei", "count": 0, "mean": null, "standard_deviation": null}])"));
}

TEST(InspectSummary, IsTextThatPeopleRead) {
  const std::string text = text_of(inspected());
  EXPECT_THAT(text, HasSubstr("9 - 128 - 256 - 128 - 1 (67 329 parameters)"));
  EXPECT_THAT(text, HasSubstr("state digest    ffffffffffffffff"));
  EXPECT_THAT(text, HasSubstr("learning-rate  0.001"));
  EXPECT_THAT(text, HasSubstr("topics         a, b"));
  EXPECT_THAT(text, HasSubstr("\nStandardizer\n"));
  EXPECT_THAT(text_of(InspectSummary()), Not(HasSubstr("Standardizer")));
}

TEST(InspectSummary, NamesTheNextRowOfARecordThatIsBegun) {
  InspectSummary summary = inspected();
  EXPECT_EQ(Json::parse(json_of(summary)).at("position_rows"), Json::object());
  EXPECT_THAT(text_of(summary), HasSubstr("cancer/1 at offset 7\n"));
  summary.positions[1].next.row = 300;
  const Json json = Json::parse(json_of(summary));
  EXPECT_EQ(json.at("positions").at("cancer").at("1"), 7);
  EXPECT_EQ(json.at("position_rows"), Json::parse(R"({"cancer": {"1": 300}})"));
  EXPECT_THAT(text_of(summary), HasSubstr("cancer/1 at offset 7, row 300\n"));
}

TEST(JournalSummary, NamesTheRowsWhereAWindowCutRecords) {
  const auto range = [](Position begin, Position end) {
    return JournalSummary::Range{{"clicks", 0}, begin, end};
  };
  JournalSummary summary;
  summary.entries = {{.window = 1, .rows = 20, .records = 2, .ranges = {range({7, 0}, {9, 0})}},
                     {.window = 2, .rows = 12, .records = 1, .ranges = {range({9, 0}, {10, 12})}},
                     {.window = 3, .rows = 80, .records = 2, .ranges = {range({10, 12}, {12, 3})}},
                     {.window = 4, .rows = 7, .records = 1, .ranges = {range({12, 3}, {13, 0})}}};
  const std::string text = text_of(summary);
  EXPECT_THAT(text, HasSubstr("clicks/0 7-8\n"));
  EXPECT_THAT(text, HasSubstr("clicks/0 9-10 (to row 11)\n"));
  EXPECT_THAT(text, HasSubstr("clicks/0 10-12 (from row 12, to row 2)\n"));
  EXPECT_THAT(text, EndsWith("clicks/0 12-12 (from row 3)"));
  const Json entries = Json::parse(json_of(summary)).at("entries");
  EXPECT_EQ(entries[0].at("range_rows"), Json::object());
  EXPECT_EQ(entries[2].at("ranges"), Json::parse(R"({"clicks": {"0": [10, 12]}})"));
  EXPECT_EQ(entries[2].at("range_rows"), Json::parse(R"({"clicks": {"0": [12, 3]}})"));
}

TEST(Figures, AreGroupedByThousands) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1 000");
  EXPECT_EQ(grouped(12'480), "12 480");
  EXPECT_EQ(grouped(std::numeric_limits<std::uint64_t>::max()), "18 446 744 073 709 551 615");
}

TEST(Figures, TellDurationsInTheUnitThatFits) {
  EXPECT_EQ(duration(0.8412), "0.84 s");
  EXPECT_EQ(duration(9.999), "10.0 s");
  EXPECT_EQ(duration(59.96), "1 min 00 s");
  EXPECT_EQ(duration(185), "3 min 05 s");
  EXPECT_EQ(duration(2 * 3600 + 7 * 60 + 59), "2 h 07 min");
  EXPECT_EQ(duration(3 * 86400 + 4 * 3600), "3 d 04 h");
  EXPECT_EQ(duration(kNan), "-");
  EXPECT_NO_THROW((void)duration(1e300));
}

}  // namespace
}  // namespace millrace
