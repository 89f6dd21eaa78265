#include "app/doctor_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace millrace {
namespace {

using ::testing::HasSubstr;

MachineReport machine_without_cuda() {
  MachineReport machine{.version = "1.2.3",
                        .cuda = {},
                        .cpu_engine = "cpu, avx512, 1 thread",
                        .cpu_threads = 2,
                        .librdkafka = "2.0.2",
                        .librdkafka_features = {"gzip", "ssl"}};
  machine.cuda.unusable = "this build has no CUDA engine";
  return machine;
}

MachineReport machine_with_gpu() {
  MachineReport machine = machine_without_cuda();
  machine.cuda = {
      .built = true,
      .toolkit = "13.0",
      .driver = "13.1",
      .architectures = "80 90a",
      .devices = {{.number = 0, .name = "H100", .compute_capability = 90, .memory_bytes = 1ULL << 36}},
      .libraries = {{.name = "cuDNN", .version = "", .place = "it is nowhere"}},
      .unusable = ""};
  return machine;
}

TEST(Doctor, SaysWhatAutoWouldTakeAndWhy) {
  EXPECT_THAT(text_of(machine_without_cuda()),
              HasSubstr("--engine auto trains on the CPU: this build has no CUDA engine."));
  EXPECT_THAT(text_of(machine_with_gpu()), HasSubstr("--engine auto trains on GPU 0 (H100)."));
}

TEST(Doctor, ListsDriverDevicesAndLibraries) {
  const std::string text = text_of(machine_with_gpu());
  EXPECT_THAT(text, HasSubstr("for CUDA up to 13.1"));
  EXPECT_THAT(text, HasSubstr("H100, 64.0 GiB, compute capability 9.0"));
  EXPECT_THAT(text, HasSubstr("not opened: it is nowhere"));
}

TEST(Doctor, SaysTheSameInJson) {
  const auto json = nlohmann::json::parse(json_of(machine_with_gpu()));
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_EQ(json["cuda"]["driver"], "13.1");
  EXPECT_EQ(json["cuda"]["devices"][0]["name"], "H100");
  EXPECT_TRUE(json["cuda"]["libraries"][0]["version"].is_null());
  EXPECT_EQ(json["auto"]["engine"], "cuda");
  EXPECT_EQ(json["librdkafka"]["features"].size(), 2U);
}

}  // namespace
}  // namespace millrace
