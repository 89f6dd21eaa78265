#include "cuda/door/driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::cuda {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(DriverTrouble, IsNoneWhereADeviceCanBeAsked) {
  EXPECT_THAT(driver_trouble(13000, 13000, cudaSuccess, 1), IsEmpty());
}

// Within a major version any driver runs any runtime's programs.
TEST(DriverTrouble, IsNoneWhereOnlyTheMinorVersionIsOlder) {
  EXPECT_THAT(driver_trouble(13000, 13020, cudaSuccess, 1), IsEmpty());
}

TEST(DriverTrouble, NamesBothVersionsOfADriverThatIsTooOld) {
  EXPECT_THAT(driver_trouble(12040, 13000, cudaErrorInsufficientDriver, 0),
              AllOf(HasSubstr("12.4"), HasSubstr("13.0"), HasSubstr("580")));
}

TEST(DriverTrouble, TellsAMissingDriverFromAMissingDevice) {
  EXPECT_THAT(driver_trouble(0, 13000, cudaErrorInsufficientDriver, 0), HasSubstr("no NVIDIA driver"));
  EXPECT_THAT(driver_trouble(13000, 13000, cudaErrorNoDevice, 0), HasSubstr("shows no GPU"));
}

TEST(DriverTrouble, GivesAnyOtherErrorItsName) {
  EXPECT_THAT(driver_trouble(13000, 13000, cudaErrorInitializationError, 0),
              HasSubstr("cudaErrorInitializationError"));
}

TEST(CapabilityTrouble, BeginsBelowAmpere) {
  EXPECT_THAT(capability_trouble(80), IsEmpty());
  EXPECT_THAT(capability_trouble(75), AllOf(HasSubstr("7.5"), HasSubstr("8.0")));
}

TEST(CudaVersionText, IsMajorAndMinor) {
  EXPECT_EQ(cuda_version_text(13000), "13.0");
  EXPECT_EQ(cuda_version_text(12040), "12.4");
}

}  // namespace
}  // namespace millrace::cuda
