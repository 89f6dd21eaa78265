// The program with its CUDA engine as a user meets it: a process, on the emulated device.
#include <chrono>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
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

constexpr const char* kRows = "1,2\n3,4\n5,1\nx,1\n0,2\n";

// The probabilities in lines of `probability,class,model`; a line that is none gives NaN.
std::vector<double> probabilities_in(const std::string& lines) {
  std::vector<double> probabilities;
  std::istringstream text(lines);
  for (std::string line; std::getline(text, line);)
    probabilities.push_back(line.starts_with("bad,") ? std::nan("") : std::stod(line));
  return probabilities;
}

// Eighty rows in one partition, trained in windows of 32.
class EmulatedTraining : public testing::Test {
 protected:
  using Environment = std::map<std::string, std::string>;

  void SetUp() override {
    const support::ProcessResult sent = millrace(
        {"produce", "--brokers", broker_.brokers(), "--topic", "rows", "--label", "class", "--repeat", "20"},
        "a,b,class\n1,2,0\n3,4,1\n5,1,1\n0,2,0\n");
    ASSERT_EQ(sent.exit_code, 0) << sent.describe();
  }

  [[nodiscard]] std::string state(const std::string& name) const { return (folder_ / name).string(); }

  [[nodiscard]] support::ProcessResult train(const std::string& name,
                                             const Environment& environment = {}) const {
    return millrace(
        {"train",    "--brokers", broker_.brokers(), "--topic",  "rows",          "--features", "2",
         "--layers", "8,4",       "--batch",         "16",       "--window-rows", "32",         "--stop",
         "end",      "--state",   state(name),       "--engine", "cuda",          "--json",     "--quiet"},
        {}, environment);
  }

  // What it answers on standard output, a line for each of the rows.
  [[nodiscard]] support::ProcessResult predict(const std::string& name, const std::string& engine,
                                               const Environment& environment = {}) const {
    return millrace({"predict", "--stdin", "--state", state(name), "--engine", engine, "--output", "csv"},
                    kRows, environment);
  }

  [[nodiscard]] nlohmann::json digest_of(const std::string& name) const {
    return json_from(millrace({"inspect", state(name), "--json"})).at("weights_digest");
  }

 protected:
  const EmbeddedBroker broker_{{{"rows", 1}, {"answers", 1}}};
  const support::TempDir folder_;
};

TEST_F(EmulatedTraining, GivesTheSameBitsWhateverTheOrderOfTheDevicesWork) {
  for (const char* seed : {"1", "2"}) {
    const nlohmann::json run = json_from(train(seed, {{"EMULATED_DEVICE_SEED", seed}}));
    EXPECT_EQ(run.at("rows"), 80);
    EXPECT_THAT(run.at("engine").get<std::string>(), StartsWith("cuda, Emulated device"));
  }
  EXPECT_EQ(digest_of("1"), digest_of("2"));
}

TEST_F(EmulatedTraining, EndsWithCode7WhenTheDeviceIsLostAndGoesOnToTheSameBits) {
  ASSERT_EQ(train("undisturbed").exit_code, 0);
  const nlohmann::json expected = digest_of("undisturbed");
  for (const std::string fault : {"cudaHostAlloc 1", "cublasLtMatmul 5", "cudaGraphLaunch 1",
                                  "cudaGraphLaunch 8", "cudaEventSynchronize 2", "cudaMemcpyAsync 20"}) {
    const support::ProcessResult lost = train(fault, {{"EMULATED_DEVICE_FAULT", fault}});
    EXPECT_EQ(lost.exit_code, 7) << fault << '\n' << lost.describe();
    EXPECT_THAT(lost.err, HasSubstr("The device cannot be used")) << fault;
    const support::ProcessResult again = train(fault);
    ASSERT_EQ(again.exit_code, 0) << fault << '\n' << again.describe();
    EXPECT_EQ(digest_of(fault), expected) << fault;
  }
}

TEST_F(EmulatedTraining, PredictsOnTheDeviceWhatTheProcessorPredicts) {
  ASSERT_EQ(train("state").exit_code, 0);
  const support::ProcessResult on_device = predict("state", "cuda");
  const support::ProcessResult on_processor = predict("state", "cpu");
  ASSERT_EQ(on_device.exit_code, 0) << on_device.describe();
  ASSERT_EQ(on_processor.exit_code, 0) << on_processor.describe();
  // Who asks the device meets its fault.
  EXPECT_EQ(predict("state", "cuda", {{"EMULATED_DEVICE_FAULT", "cublasLtMatmul 1"}}).exit_code, 7);
  EXPECT_EQ(predict("state", "cpu", {{"EMULATED_DEVICE_FAULT", "cublasLtMatmul 1"}}).exit_code, 0);

  const std::vector<double> device = probabilities_in(on_device.out);
  const std::vector<double> processor = probabilities_in(on_processor.out);
  ASSERT_EQ(device.size(), 5U) << on_device.out;
  ASSERT_EQ(processor.size(), 5U) << on_processor.out;
  for (std::size_t row = 0; row < device.size(); ++row) {
    EXPECT_EQ(std::isnan(device[row]), row == 3) << on_device.out;
    if (row != 3) {
      EXPECT_NEAR(device[row], processor[row], 1e-5) << "row " << row;
    }
  }
}

TEST_F(EmulatedTraining, PredictsOnTheDeviceFromTopicToTopic) {
  ASSERT_EQ(train("state").exit_code, 0);
  const nlohmann::json summary = json_from(
      millrace({"predict", "--brokers", broker_.brokers(), "--topic", "rows", "--to", "answers", "--group",
                "g", "--state", state("state"), "--engine", "cuda", "--stop", "end", "--json", "--quiet"}));
  EXPECT_EQ(summary.at("rows"), 80);
  EXPECT_GE(summary.at("transactions"), 1);
}

TEST_F(EmulatedTraining, EndsWithCode7WhereTheDriverIsTooOldAndGoesOnWithANewerOne) {
  const support::ProcessResult refused = train("state", {{"EMULATED_DEVICE_DRIVER", "12040"}});
  EXPECT_EQ(refused.exit_code, 7) << refused.describe();
  EXPECT_THAT(refused.err, HasSubstr("driver"));
  EXPECT_EQ(train("state").exit_code, 0);
}

}  // namespace
}  // namespace millrace
