#include "cuda/kernels/gradient_guard.h"

#include <limits>

#include "kernel_run.h"

namespace millrace::cuda {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

unsigned guarded(const std::vector<float>& gradient, unsigned raised, std::size_t skipped,
                 const Stream& stream) {
  const OnDevice<float> on_device(gradient, stream);
  const OnDevice<unsigned> guard(std::vector<unsigned>{raised}, stream);
  guard_gradient_async(on_device.view().subspan(skipped), guard.data(), stream.view());
  return guard.fetch()[0];
}

TEST(GradientGuard, StaysDownForGradientsWhoseSquaresAreFinite) {
  for (const std::size_t count : kOddSizes) {
    std::vector<float> gradient = scattered(count, 1);
    gradient[count / 2] = 1.8446742e19F;
    gradient[count - 1] = -1.8446742e19F;
    under_each_seed([&](const Stream& stream) { EXPECT_EQ(guarded(gradient, 0, 0, stream), 0U); });
  }
}

TEST(GradientGuard, IsRaisedByOneBadGradientWhereverItStands) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity, 1.8446744e19F, -1e30F}) {
    for (const std::size_t count : kOddSizes) {
      for (const std::size_t place : {std::size_t{0}, count / 2, count - 1}) {
        std::vector<float> gradient = scattered(count, 1);
        gradient[place] = bad;
        under_each_seed([&](const Stream& stream) {
          EXPECT_NE(guarded(gradient, 0, 0, stream), 0U) << bad << " at " << place << " of " << count;
        });
      }
    }
  }
}

TEST(GradientGuard, LooksAtArraysThatAreNotAlignedToTheirEndAndNoFurther) {
  under_each_seed([&](const Stream& stream) {
    std::vector<float> gradient = scattered(258, 1);
    gradient[0] = kInfinity;
    EXPECT_EQ(guarded(gradient, 0, 1, stream), 0U);
    gradient[257] = kInfinity;
    EXPECT_NE(guarded(gradient, 0, 1, stream), 0U);
  });
}

TEST(GradientGuard, IsNeverLowered) {
  under_each_seed([&](const Stream& stream) { EXPECT_NE(guarded(scattered(33, 1), 1, 0, stream), 0U); });
}

}  // namespace
}  // namespace millrace::cuda
