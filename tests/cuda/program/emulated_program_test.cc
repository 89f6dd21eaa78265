// The program with its CUDA engine as a user meets it: a process, on the emulated device.
#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kafka/embedded_broker.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::chrono::seconds kDeadline{60};

support::ProcessResult millrace(std::vector<std::string> arguments, const std::string& input = {},
                                const std::map<std::string, std::string>& environment = {}) {
  arguments.insert(arguments.begin(), MILLRACE_PROGRAM);
  return support::run_process({.arguments = arguments, .environment = environment, .input = input},
                              kDeadline);
}

nlohmann::json json_from(const support::ProcessResult& result) {
  EXPECT_EQ(result.exit_code, 0) << result.describe();
  return nlohmann::json::parse(result.out, nullptr, false);
}

TEST(EmulatedProgram, FindsTheDeviceAndWouldTrainOnIt) {
  const nlohmann::json report = json_from(millrace({"doctor", "--json"}));
  EXPECT_EQ(report.at("cuda").at("built"), true);
  EXPECT_EQ(report.at("cuda").at("devices").at(0).at("name"), "Emulated device");
  EXPECT_EQ(report.at("auto").at("engine"), "cuda");
}

const std::vector<std::string> kSmallOverlap = {"bench",         "overlap", "--features", "8",
                                                "--layers",      "16,8",    "--batch",    "16",
                                                "--window-rows", "64",      "--windows",  "8"};

TEST(EmulatedProgram, MeasuresHowFarCopiesHide) {
  std::vector<std::string> arguments = kSmallOverlap;
  arguments.emplace_back("--json");
  const nlohmann::json report = json_from(millrace(arguments));
  EXPECT_EQ(report.at("schema_version"), 1);
  EXPECT_EQ(report.at("stage"), "overlap");
  EXPECT_THAT(report.at("engine").get<std::string>(), StartsWith("cuda, Emulated device"));
  EXPECT_TRUE(report.at("versions").contains("librdkafka"));
  EXPECT_GT(report.at("hidden_share"), 0.9) << "on the emulated clock, which no neighbour slows";
  ASSERT_EQ(report.at("windows").size(), 8U);
  const nlohmann::json& last = report.at("windows").at(7);
  EXPECT_LE(last.at("copy").at("begin_ms"), last.at("copy").at("end_ms"));
  EXPECT_LT(last.at("compute").at("begin_ms"), last.at("compute").at("end_ms"));
}

TEST(EmulatedProgram, ShowsTheWindowsInATable) {
  const support::ProcessResult result = millrace(kSmallOverlap);
  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_THAT(result.out, StartsWith("overlap: cuda, Emulated device"));
  EXPECT_THAT(result.out, HasSubstr("computing begins"));
  EXPECT_THAT(result.out, HasSubstr("Hidden behind computing: "));
}

TEST(EmulatedProgram, EndsWithCode7ForAGpuThatIsNotThere) {
  const support::ProcessResult result = millrace({"bench", "overlap", "--device", "3"});
  EXPECT_EQ(result.exit_code, 7) << result.describe();
  EXPECT_THAT(result.err, HasSubstr("there is no GPU 3 here"));
}

TEST(EmulatedProgram, TrainsATopicToTheSameBitsWhateverTheOrderOfTheDevicesWork) {
  const EmbeddedBroker broker({{"rows", 1}});
  const support::ProcessResult sent = millrace(
      {"produce", "--brokers", broker.brokers(), "--topic", "rows", "--label", "class", "--repeat", "20"},
      "a,b,class\n1,2,0\n3,4,1\n5,1,1\n0,2,0\n");
  ASSERT_EQ(sent.exit_code, 0) << sent.describe();

  const support::TempDir folder;
  const auto digest_of_run = [&](const std::string& seed) {
    const std::string state = (folder / seed).string();
    const nlohmann::json run = json_from(millrace({"train",   "--brokers", broker.brokers(),
                                                   "--topic", "rows",      "--features",
                                                   "2",       "--layers",  "8,4",
                                                   "--batch", "16",        "--window-rows",
                                                   "32",      "--stop",    "end",
                                                   "--state", state,       "--engine",
                                                   "cuda",    "--json",    "--quiet"},
                                                  {}, {{"EMULATED_DEVICE_SEED", seed}}));
    EXPECT_EQ(run.at("rows"), 80);
    EXPECT_THAT(run.at("engine").get<std::string>(), StartsWith("cuda, Emulated device"));
    return json_from(millrace({"inspect", state, "--json"})).at("weights_digest");
  };
  EXPECT_EQ(digest_of_run("1"), digest_of_run("2"));
}

}  // namespace
}  // namespace millrace
