#include "app/predict_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "decode/decoder_choice.h"
#include "host/config/resolving.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Names = std::vector<std::string>;

OptionValues predict_with(const Names& more = {}) {
  Names arguments = {"predict", "--brokers", "b", "--topic", "t", "--to",
                     "p",       "--group",   "g", "--state", "s"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return resolve(arguments);
}

// What a training left that found its label in the value.
StreamSettings trained(const Names& columns, const Names& features, const std::string& label) {
  StreamSettings state;
  state.features = 2;
  state.columns = columns;
  state.feature_names = features;
  state.label = label;
  state.format = "csv";
  return state;
}

// Whether a value is a row to the decoder.
bool reads(const DecoderSettings& settings, const std::string& value) {
  const auto decoder = make_decoder(settings);
  const std::vector<RecordView> records = {{.value = value, .has_value = true}};
  std::vector<float> row(decoder->features());
  float label = 1;
  std::vector<DecodeOutcome> outcomes(1);
  decoder->decode(records, 0, row.data(), &label, outcomes);
  return outcomes.front().good && row == std::vector<float>{1, 2};
}

TEST(PredictOptions, ExpectTheFeaturesAloneWhereTheLabelWasAFieldInTraining) {
  const StreamSettings state = trained({"a", "y", "b"}, {}, "value:y");
  const DecoderSettings rows = predict_decoder(predict_with(), state);
  EXPECT_THAT(rows.columns, ElementsAre("a", "b"));
  EXPECT_TRUE(reads(rows, "1,2"));
  EXPECT_TRUE(reads(predict_decoder(predict_with(), trained({}, {}, "value:3")), "1,2"));
}

TEST(PredictOptions, PassTheLabelOverWhereColumnsNameIt) {
  const StreamSettings state = trained({"a", "y", "b"}, {}, "value:y");
  EXPECT_TRUE(reads(predict_decoder(predict_with({"--columns", "a,y,b"}), state), "1,maybe,2"));
  EXPECT_TRUE(
      reads(predict_decoder(predict_with({"--columns", "1,2,3"}), trained({}, {}, "value:3")), "1,2,0"));
}

TEST(PredictOptions, FindNamedFeaturesWhereverTheyStand) {
  const StreamSettings state = trained({"b", "y", "a"}, {"a", "b"}, "value:y");
  EXPECT_TRUE(reads(predict_decoder(predict_with(), state), "2,1"));
  EXPECT_TRUE(reads(predict_decoder(predict_with({"--columns", "id,a,b"}), state), "x7,1,2"));
}

TEST(PredictOptions, TakeAModelThatHasMetNoRecords) {
  StreamSettings imported;
  imported.features = 2;
  const DecoderSettings rows = predict_decoder(predict_with(), imported);
  EXPECT_THAT(rows.columns, IsEmpty());
  EXPECT_TRUE(reads(rows, "1,2"));
}

TEST(PredictOptions, RefuseFormatsThatAreNoLinesOnStandardInput) {
  StreamSettings state = trained({}, {}, "key");
  state.format = "avro";
  EXPECT_THROW(static_cast<void>(predict_decoder(resolve({"predict", "--stdin", "--state", "s"}), state)),
               OptionError);
}

}  // namespace
}  // namespace millrace
