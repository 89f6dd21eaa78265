#include "engine/engine_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/errors.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const NetworkShape kShape = {{2, 3, 1}};

TEST(EngineChoice, TakesTheCpuWhenAskedAndWhenFree) {
  for (const char* choice : {"auto", "cpu"}) {
    EXPECT_THAT(make_engine(choice, kShape, {}, 8, 1)->description(), StartsWith("cpu, oneDNN 2."));
  }
}

TEST(EngineChoice, RefusesCudaInABuildWithoutIt) {
  try {
    static_cast<void>(make_engine("cuda", kShape, {}, 8, 1));
    FAIL() << "an engine was made";
  } catch (const DeviceError& error) {
    EXPECT_THAT(error.detail, HasSubstr("no CUDA engine"));
    EXPECT_EQ(error.exit_code(), ExitCode::device);
  }
}

}  // namespace
}  // namespace millrace
