#include "decode/decoder_settings.h"

#include <gtest/gtest.h>
#include <optional>
#include <string>

#include "millrace/errors.h"

namespace millrace {
namespace {

TEST(DecoderSettings, NamesOfFormatsAreReadBack) {
  for (const RecordFormat format : {RecordFormat::csv, RecordFormat::json, RecordFormat::avro}) {
    EXPECT_EQ(parse_record_format(name_of(format)), format);
  }
  EXPECT_THROW((void)parse_record_format("xml"), OptionError);
}

TEST(DecoderSettings, ASeparatorIsACharacterThatStandsInNoField) {
  EXPECT_EQ(parse_separator(";"), ';');
  EXPECT_EQ(parse_separator("|"), '|');
  EXPECT_EQ(parse_separator("tab"), '\t');
  EXPECT_EQ(parse_separator("\\t"), '\t');
  for (const std::string refused : {"", ",,", ".", "-", "+", "\"", "5", "e", "N", " ", "?", "\n", "\xC3"}) {
    EXPECT_THROW((void)parse_separator(refused), OptionError) << refused;
  }
}

}  // namespace
}  // namespace millrace
