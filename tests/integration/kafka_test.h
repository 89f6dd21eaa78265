// What every test against a real broker has: the broker of the program, a topic of its own, a state folder,
// and the command lines that differ only in a few words.
#pragma once

#include <cstdint>
#include <gtest/gtest.h>
#include <stdexcept>
#include <string>
#include <vector>

#include "integration/millrace_run.h"
#include "support/kafka_broker.h"
#include "support/record_producer.h"
#include "support/temp_dir.h"

namespace millrace {

inline constexpr const char* kRowsFile = MILLRACE_SOURCE_DIR "/data/breast-cancer-wisconsin.csv";
inline constexpr std::int64_t kRowsInFile = 699;

class KafkaTest : public testing::Test {
 protected:
  using Words = std::vector<std::string>;

  // Ends the test, with everything the program said, where it did not exit with 0.
  static support::ProcessResult succeed(const Words& arguments) {
    support::ProcessResult result = run_millrace(arguments);
    if (result.exit_code != 0) throw std::runtime_error(arguments.front() + ": " + result.describe());
    return result;
  }

  [[nodiscard]] Words produce(const std::string& to, const Words& more = {}) const {
    return joined({"produce", "--brokers", broker_.brokers(), "--topic", to, "--file", kRowsFile, "--label",
                   "class", "--label-map", "2=0,4=1", "--quiet"},
                  more);
  }
  // Trains what is in the topic now.
  [[nodiscard]] Words train(const std::string& from, const Words& more = {}) const {
    return joined(train_for_ever(from), joined({"--stop", "end"}, more));
  }
  [[nodiscard]] Words train_for_ever(const std::string& from, const Words& more = {}) const {
    return joined({"train", "--brokers", broker_.brokers(), "--topic", from, "--features", "9", "--label",
                   "key", "--state", state(), "--group", group_, "--json", "--quiet"},
                  more);
  }
  // Trains what is in the test's topic now, in windows that time cuts nowhere: the log alone says what they
  // are.
  [[nodiscard]] Words train_whole_windows(const std::string& into, const Words& more) const {
    return joined(
        {"train", "--brokers", broker_.brokers(), "--topic", topic_, "--state", into, "--group", group_,
         "--stop", "end", "--window-rows", "500", "--window-ms", "600000", "--json", "--quiet"},
        more);
  }
  [[nodiscard]] Words evaluate(const std::string& from) const {
    return {"evaluate", "--brokers", broker_.brokers(), "--topic", from,
            "--state",  state(),     "--json",          "--quiet"};
  }
  [[nodiscard]] Words inspect() const { return {"inspect", state(), "--json"}; }

  [[nodiscard]] std::string state() const { return folder_ / "state"; }

  static Words joined(Words first, const Words& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
  }

  // A name that no other test of the program uses, and Kafka takes.
  static std::string name_of_this_test() {
    const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
    std::string name = std::string(test->test_suite_name()) + "." + test->name();
    for (char& letter : name) {
      if (letter == '/') letter = '-';
    }
    return name;
  }

  support::KafkaBroker& broker_ = support::shared_kafka_broker();
  const support::TempDir folder_;
  const std::string topic_ = name_of_this_test();
  const std::string group_ = topic_ + "-group";
};

}  // namespace millrace
