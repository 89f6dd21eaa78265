#include "app/error_sentences.h"

#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "millrace/errors.h"
#include "millrace/window.h"

#include "app/input_row_error.h"
#include "config/exit_code_table.h"
#include "model_file/model_file_error.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Example {
  std::shared_ptr<std::exception> error;
  ExitCode code;
  std::vector<std::string> said;  // identifiers and remedies that the sentence must hold
};

template <typename Type, typename... Arguments>
Example example(ExitCode code, std::vector<std::string> said, Arguments&&... arguments) {
  return {std::make_shared<Type>(std::forward<Arguments>(arguments)...), code, std::move(said)};
}

Example kafka_example(KafkaError::Kind kind, std::vector<std::string> said) {
  return example<KafkaError>(ExitCode::broker, std::move(said), kind, "fetching metadata", "_CODE",
                             "Some detail.", "clicks", 3);
}

Example state_example(StateError::Kind kind, std::vector<std::string> said) {
  said.emplace_back("cancer/0001.checkpoint");
  said.emplace_back("some detail");
  return example<StateError>(ExitCode::state, std::move(said), kind, "cancer/0001.checkpoint", "some detail");
}

// One of every type and kind.
std::vector<Example> examples() {
  using Option = OptionError::Kind;
  using Kafka = KafkaError::Kind;
  using Loss = DataLossError::Kind;
  using State = StateError::Kind;
  std::vector<Example> all = {
      example<OptionError>(ExitCode::usage, {"--windw", "did you mean --window?"}, Option::unknown, "--windw",
                           "", "no such option", "--window"),
      example<OptionError>(ExitCode::usage, {"--zebra is unknown: no such option."}, Option::unknown,
                           "--zebra", "", "no such option"),
      example<OptionError>(ExitCode::usage, {"--epochs \"0\": expected more."}, Option::invalid, "--epochs",
                           "0", "expected more"),
      example<OptionError>(ExitCode::usage, {"--state is missing: it is needed."}, Option::missing, "--state",
                           "", "it is needed"),
      example<OptionError>(ExitCode::usage, {"--part: it needs more."}, Option::conflict, "--part", "",
                           "it needs more."),
      kafka_example(Kafka::unreachable, {"fetching metadata", "_CODE", "Some detail", "--brokers"}),
      kafka_example(Kafka::topic_missing, {"clicks", "--topic", "--partitions"}),
      kafka_example(Kafka::dead_letter_topic_missing, {"clicks", "--dead-letter-topic", "create it"}),
      kafka_example(Kafka::partition_missing, {"Partition 3", "clicks", "--from"}),
      kafka_example(Kafka::authentication, {"fetching metadata", "_CODE", "Some detail", "sasl"}),
      kafka_example(Kafka::tls, {"fetching metadata", "_CODE", "Some detail", "ssl"}),
      kafka_example(Kafka::timed_out, {"fetching metadata", "_CODE", "--kafka-timeout-ms"}),
      kafka_example(Kafka::other, {"fetching metadata", "_CODE", "Some detail"}),
      example<DataLossError>(ExitCode::data_lost,
                             {"clicks/3", "offset 5 on were deleted", "begins at 10", "--on-data-loss"},
                             Loss::deleted, TopicPartition{"clicks", 3}, 5, 10, 20),
      example<DataLossError>(ExitCode::data_lost,
                             {"clicks/3", "offset 25 on are not in the log", "ends at 20", "--on-data-loss"},
                             Loss::beyond_end, TopicPartition{"clicks", 3}, 25, 10, 20),
      example<DataLossError>(ExitCode::data_lost,
                             {"clicks/3 is not the one", "up to offset 15", "10 to 20", "--on-data-loss"},
                             Loss::replaced, TopicPartition{"clicks", 3}, 15, 10, 20),
      example<BadShareError>(
          ExitCode::bad_records,
          {"1200 of the newest 10000", "--max-bad-share 0.1 ", "too few or too many fields"}, 1200U, 10'000U,
          0.1, "column_count"),
      example<ChangedWindowError>(
          ExitCode::data_lost,
          {"Window 7", "clicks/3 from offset 5 to 9", "3 of its 5 rows", "--on-data-loss"}, 7U, 5U, 3U,
          std::vector<ChangedWindowError::Range>{{{"clicks", 3}, 5, 10}}),
      example<MismatchError>(ExitCode::usage, {"cancer", "--layers 128", "not 64"}, "cancer", "layers", "128",
                             "64"),
      example<DeviceError>(ExitCode::device, {"no driver", "--engine cpu"}, "no driver"),
      example<NumericalError>(ExitCode::numerical, {"window 12", "--learning-rate", "--standardize"}, 12U),
      example<ModelFileError>(ExitCode::usage, {"cancer.onnx: it is cut off; write it anew."}, "cancer.onnx",
                              "it is cut off", "write it anew"),
      example<InputRowError>(ExitCode::bad_records, {"rows.csv:7: expected 2 fields; correct"}, "rows.csv",
                             7U, "expected 2 fields"),
      example<std::bad_alloc>(ExitCode::unexpected, {"--memory-bytes"}),
      example<std::runtime_error>(ExitCode::unexpected, {"the reason", "report"}, "the reason"),
      state_example(State::locked, {"--state"}),
      state_example(State::damaged, {"--state"}),
      state_example(State::newer_version, {"newer"}),
      state_example(State::no_space, {"make room"}),
      state_example(State::not_writable, {"permissions"}),
      state_example(State::missing, {"millrace train"}),
      state_example(State::io, {"disk"}),
  };
  for (std::size_t reason = 0; reason < kBadRecordReasons; ++reason) {
    const std::string name(name_of(static_cast<BadRecordReason>(reason)));
    all.push_back(example<BadRecordError>(ExitCode::bad_records,
                                          {"clicks/3", "offset 42", "(field age)", "--errors-tolerance"},
                                          TopicPartition{"clicks", 3}, 42, name, "age"));
  }
  return all;
}

TEST(ErrorSentences, CarryTheIdentifiersAndTheRemedyOfEveryError) {
  for (const Example& one : examples()) {
    for (const std::string& part : one.said) EXPECT_THAT(sentence_for(*one.error), HasSubstr(part));
  }
}

TEST(ErrorSentences, AreOneSentenceOnOneLine) {
  for (const Example& one : examples()) {
    const std::string sentence = sentence_for(*one.error);
    EXPECT_THAT(sentence, testing::AnyOf(testing::EndsWith("."), testing::EndsWith("?")));
    EXPECT_THAT(sentence, Not(HasSubstr(". "))) << sentence;
    EXPECT_THAT(sentence, Not(HasSubstr("..")));
    EXPECT_THAT(sentence, Not(HasSubstr("\n")));
  }
}

TEST(ErrorSentences, GiveEveryErrorItsExitCode) {
  for (const Example& one : examples())
    EXPECT_EQ(exit_code_for(*one.error), one.code) << sentence_for(*one.error);
}

TEST(ErrorSentences, SayBadRecordReasonsInPlainWords) {
  for (const Example& one : examples()) {
    if (dynamic_cast<const BadRecordError*>(one.error.get()) == nullptr) continue;
    EXPECT_THAT(sentence_for(*one.error), Not(HasSubstr("_")));
    EXPECT_THAT(sentence_for(*one.error), Not(HasSubstr("is bad")));
  }
}

TEST(ErrorSentences, LetNoControlCharacterThrough) {
  const OptionError error(OptionError::Kind::invalid, "--stop", "a\n\033[31mb\x7F", "expected\tless");
  for (const char letter : sentence_for(error)) EXPECT_TRUE(letter >= 0x20 && letter != 0x7F);
}

std::string exit_code_page() {
  std::ifstream file(MILLRACE_SOURCE_DIR "/docs/exit-codes.md");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(ExitCodePage, SaysWhatTheTableSays) {
  const std::string page = exit_code_page();
  const std::span<const ExitCodeDescription> table = exit_code_table();
  for (const ExitCodeDescription& each : table) {
    EXPECT_THAT(page, HasSubstr(fmt::format("\n| {} | {} | ", static_cast<int>(each.code), each.meaning)));
  }
  std::size_t rows = 0;
  for (char digit = '0'; digit <= '9'; ++digit) rows += page.find(fmt::format("\n| {}", digit)) != page.npos;
  EXPECT_EQ(rows, table.size()) << "docs/exit-codes.md has a code more";
}

TEST(ExitCodeTable, HasEveryCodeAtItsNumber) {
  const std::span<const ExitCodeDescription> table = exit_code_table();
  for (std::size_t number = 0; number < table.size(); ++number)
    EXPECT_EQ(static_cast<std::size_t>(table[number].code), number);
  for (const Example& one : examples()) EXPECT_LT(static_cast<std::size_t>(one.code), table.size());
}

TEST(ExitCodePage, QuotesSentencesAsTheyAre) {
  const std::vector<std::shared_ptr<std::exception>> quoted = {
      std::make_shared<std::runtime_error>("the reason"),
      std::make_shared<OptionError>(OptionError::Kind::unknown, "--windw-rows", "",
                                    "`millrace train` has no such option", "--window-rows"),
      std::make_shared<KafkaError>(KafkaError::Kind::unreachable, "reading metadata", "_TRANSPORT",
                                   "connection refused"),
      std::make_shared<DataLossError>(DataLossError::Kind::deleted, TopicPartition{"clicks", 0}, 100, 250,
                                      900),
      std::make_shared<BadRecordError>(TopicPartition{"clicks", 0}, 7, "not_a_number", "age"),
      std::make_shared<StateError>(StateError::Kind::locked, "cancer", "process 4711"),
      std::make_shared<DeviceError>("CUDA driver version is insufficient"),
      std::make_shared<NumericalError>(12U),
  };
  const std::string page = exit_code_page();
  for (const auto& error : quoted) {
    const std::string row = "\n| " + std::to_string(static_cast<int>(exit_code_for(*error))) + " | ";
    const std::size_t begin = page.find(row);
    ASSERT_NE(begin, std::string::npos);
    EXPECT_THAT(page.substr(begin, page.find('\n', begin + 1) - begin), HasSubstr(sentence_for(*error)));
  }
}

}  // namespace
}  // namespace millrace
