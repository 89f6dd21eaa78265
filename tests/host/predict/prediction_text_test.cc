#include "predict/prediction_text.h"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace millrace {
namespace {

std::string prediction(PredictionFormat format, float probability) {
  fmt::memory_buffer text;
  append_prediction(text, format, probability, "42-0123456789abcdef");
  return fmt::to_string(text);
}

std::string bad_row(PredictionFormat format, const std::string& field) {
  fmt::memory_buffer text;
  append_bad_row(text, format, BadRecordReason::not_a_number, field);
  return fmt::to_string(text);
}

TEST(PredictionText, IsWhatTheHeaderShows) {
  EXPECT_EQ(prediction(PredictionFormat::json, 0.9731F),
            R"({"probability":0.9731,"class":1,"model":"42-0123456789abcdef"})");
  EXPECT_EQ(prediction(PredictionFormat::csv, 0.25F), "0.25,0,42-0123456789abcdef");
  EXPECT_EQ(bad_row(PredictionFormat::json, "age"), R"({"bad":"not_a_number","field":"age"})");
  EXPECT_EQ(bad_row(PredictionFormat::json, ""), R"({"bad":"not_a_number","field":null})");
  EXPECT_EQ(bad_row(PredictionFormat::csv, "age"), "bad,not_a_number,age");
}

TEST(PredictionText, GivesTheProbabilityBackBitForBit) {
  for (float probability = 1; probability > 0; probability *= 0.37F) {
    const std::string csv = prediction(PredictionFormat::csv, probability);
    EXPECT_EQ(std::strtof(csv.c_str(), nullptr), probability) << csv;
    const auto json = nlohmann::json::parse(prediction(PredictionFormat::json, probability));
    EXPECT_EQ(json.at("probability").get<float>(), probability);
  }
}

TEST(PredictionText, SaysClassOneFromOneHalfOn) {
  EXPECT_EQ(prediction(PredictionFormat::csv, 0.5F).substr(0, 6), "0.5,1,");
  EXPECT_EQ(prediction(PredictionFormat::csv, std::nextafter(0.5F, 0.0F)).find(",1,"), std::string::npos);
}

TEST(PredictionText, CarriesFieldNamesThatHoldAnything) {
  const std::string name = "a \"b\",\nc";
  EXPECT_EQ(nlohmann::json::parse(bad_row(PredictionFormat::json, name)).at("field"), name);
  EXPECT_EQ(bad_row(PredictionFormat::csv, name), "bad,not_a_number,\"a \"\"b\"\",\nc\"");
}

}  // namespace
}  // namespace millrace
