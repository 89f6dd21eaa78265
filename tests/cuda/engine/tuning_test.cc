// --tune, through the door: who computes which product, what a state keeps of it, and that the engines that
// come of it train as they should, whichever libraries they mix.
#include <cmath>
#include <cublasLt.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "millrace/cuda_engine.h"
#include "millrace/errors.h"

#include "cuda/engine/emulated_engine.h"
#include "support/emulated_device/cublaslt.h"
#include "support/emulated_device/cudnn.h"
#include "support/reference_network.h"
#include "support/sample_window.h"

namespace millrace::test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t kWindows = 3;

// On the emulated clock cuBLASLt's products take 3 µs and nearly nothing for their work.
const emulated::CudnnBehaviour kFaster = {.forward_us = -2, .data_gradient_us = -2, .weight_gradient_us = -2};
const emulated::CudnnBehaviour kSlower = {.forward_us = 5, .data_gradient_us = 5, .weight_gradient_us = 5};
const emulated::CudnnBehaviour kFasterGradients = {
    .forward_us = 5, .data_gradient_us = -2, .weight_gradient_us = -2};
const emulated::CudnnBehaviour kAbsent = {.version = ""};

std::unique_ptr<Engine> engine_with(MathMode math, CudaSettings cuda) {
  return make_cuda_engine(kSmallShape, small_settings(math), 64, cuda);
}

std::unique_ptr<Engine> tuned(MathMode math) { return engine_with(math, {.tune = true}); }

std::unique_ptr<Engine> resumed(MathMode math, const std::string& choices, std::string* said) {
  return engine_with(
      math, {.choices = choices, .note = [said](const std::string& sentence) { *said += sentence; }});
}

class CudaTuning : public testing::TestWithParam<MathMode> {
 protected:
  emulated::EmulatedDevice device_{emulated_settings(1)};
};

TEST_P(CudaTuning, IsNotDoneUnasked) {
  emulated::set_cudnn_behaviour(kFaster);
  EXPECT_THAT(engine_with(GetParam(), {})->choices(), Not(HasSubstr("cudnn")));
  EXPECT_EQ(device_.calls_of("cudnnCreate"), 0U);
}

TEST_P(CudaTuning, TakesCudnnWhereItIsFaster) {
  emulated::set_cudnn_behaviour(kFaster);
  const auto engine = tuned(GetParam());
  EXPECT_THAT(engine->choices(), AllOf(HasSubstr(";library=cublaslt "), HasSubstr(";library=cudnn 9.12.0;"),
                                       ContainsRegex("train 16x8x16x8=activation cudnn:[^ ]* cudnn:[^ ]* "
                                                     "cudnn:[^ ]*;")));
  EXPECT_THAT(engine->description(), HasSubstr(", cudnn 9.12.0, "));
}

TEST_P(CudaTuning, TakesCublasLtWhereThatIsFaster) {
  emulated::set_cudnn_behaviour(kSlower);
  const auto engine = tuned(GetParam());
  EXPECT_GT(device_.calls_of("cudnnExecute"), 0U) << "it was not timed";
  EXPECT_THAT(engine->choices(), Not(HasSubstr("cudnn")));
  EXPECT_THAT(engine->description(), Not(HasSubstr("cudnn")));
}

TEST_P(CudaTuning, TakesEachProductFromTheLibraryThatIsFasterAtIt) {
  emulated::set_cudnn_behaviour(kFasterGradients);
  EXPECT_THAT(tuned(GetParam())->choices(),
              ContainsRegex("train 16x8x16x8=activation cublaslt:[^ ]* cudnn:[^ ]* cudnn:[^ ]*;"));
}

TEST_P(CudaTuning, LeavesBatchesThatAreRareToCublasLt) {
  emulated::set_cudnn_behaviour(kFaster);
  const std::string choices = tuned(GetParam())->choices();
  EXPECT_THAT(choices,
              AllOf(HasSubstr("train 8x8x16x8=mask cublaslt"), Not(ContainsRegex("train 8[^;]*cudnn"))));
}

TEST_P(CudaTuning, DoesWithoutCudnnWhereThereIsNone) {
  emulated::set_cudnn_behaviour(kAbsent);
  std::string said;
  const auto engine = engine_with(
      GetParam(), {.tune = true, .choices = {}, .note = [&said](const std::string& text) { said += text; }});
  EXPECT_THAT(engine->choices(), Not(HasSubstr("cudnn")));
  EXPECT_EQ(said, "");
}

TEST_P(CudaTuning, IsTakenUpByTheNextEngineWhateverWouldBeFasterThen) {
  emulated::set_cudnn_behaviour(kFasterGradients);
  const auto first = tuned(GetParam());
  const ModelState trained = train_windows(*first, kWindows);
  emulated::set_cudnn_behaviour(kSlower);
  std::string said;
  const auto second = resumed(GetParam(), first->choices(), &said);
  EXPECT_EQ(second->choices(), first->choices());
  EXPECT_EQ(said, "");
  EXPECT_EQ(train_windows(*second, kWindows), trained);
}

TEST_P(CudaTuning, OfAMachineWithCudnnIsMadeUpForWithoutAndThatIsSaid) {
  emulated::set_cudnn_behaviour(kFaster);
  const std::string choices = tuned(GetParam())->choices();
  emulated::set_cudnn_behaviour(kAbsent);
  std::string said;
  const auto engine = resumed(GetParam(), choices, &said);
  EXPECT_EQ(said, "Some algorithms of matrix products are chosen anew: cudnn 9.12.0 is not here.");
  EXPECT_THAT(engine->choices(), Not(HasSubstr("cudnn")));
  EXPECT_EQ(train_windows(*engine, kWindows).step, 3 * kWindows);
}

TEST_P(CudaTuning, OfAnotherCudnnIsMadeUpForAndThatIsSaid) {
  emulated::set_cudnn_behaviour(kFaster);
  const std::string choices = tuned(GetParam())->choices();
  emulated::CudnnBehaviour newer = kFaster;
  newer.version = "9.13.1";
  emulated::set_cudnn_behaviour(newer);
  std::string said;
  static_cast<void>(resumed(GetParam(), choices, &said));
  EXPECT_THAT(said, HasSubstr("cudnn 9.13.1 is here, and it was 9.12.0"));
}

TEST_P(CudaTuning, OfAPlanThatCudnnNoLongerTakesIsMadeUpForAndThatIsSaid) {
  emulated::set_cudnn_behaviour(kFaster);
  const std::string choices = tuned(GetParam())->choices();
  emulated::CudnnBehaviour other = kFaster;
  other.refused_plans = {"eng0_k1=0"};
  emulated::set_cudnn_behaviour(other);
  std::string said;
  const auto engine = resumed(GetParam(), choices, &said);
  EXPECT_THAT(said, HasSubstr("cudnn 9.12.0 does not take an algorithm any more"));
  EXPECT_THAT(engine->choices(), Not(HasSubstr("eng0_k1=0")));
}

INSTANTIATE_TEST_SUITE_P(Modes, CudaTuning, testing::Values(MathMode::tf32, MathMode::bf16));

TEST(CudaTuningOfFloat32, AsksNoCudnn) {
  const emulated::EmulatedDevice device(emulated_settings(1));
  emulated::set_cudnn_behaviour(kFaster);
  EXPECT_THAT(tuned(MathMode::fp32)->choices(), Not(HasSubstr("cudnn")));
  EXPECT_EQ(device.calls_of("cudnnCreate"), 0U);
}

// The weight gradient with its bias gradient takes 8 µs, or some more than 6 with a kernel of our own.
std::string choices_where_bias_gradients_cost(double with_data_gradient_us, MathMode math) {
  const emulated::EmulatedDevice device(emulated_settings(1));
  emulated::set_cudnn_behaviour(kAbsent);
  emulated::set_cublaslt_behaviour(
      {.extra_us = {{CUBLASLT_EPILOGUE_BGRADA, 5}, {CUBLASLT_EPILOGUE_DRELU_BGRAD, with_data_gradient_us}}});
  return tuned(math)->choices();
}

TEST(CudaBiasGradient, IsMadeWithTheDataGradientWhereTheTwoProductsAreFasterSo) {
  for (const MathMode math : {MathMode::fp32, MathMode::tf32}) {
    EXPECT_THAT(choices_where_bias_gradients_cost(1, math),
                HasSubstr("train 16x8x16x8=mask_bias cublaslt:fused:"));
  }
}

TEST(CudaBiasGradient, IsMadeWithTheWeightGradientWhereTheTwoProductsAreFasterSo) {
  EXPECT_THAT(choices_where_bias_gradients_cost(4, MathMode::fp32),
              HasSubstr("train 16x8x16x8=mask cublaslt:fused:"));
}

TEST(CudaBiasGradient, IsNotRoundedToBfloat16) {
  EXPECT_THAT(choices_where_bias_gradients_cost(1, MathMode::bf16), Not(HasSubstr("mask_bias")));
}

double distance(const std::vector<float>& values, const std::vector<double>& reference) {
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) sum += std::pow(double{values[i]} - reference[i], 2);
  return std::sqrt(sum);
}

struct Mixture {
  MathMode math;
  double bound;  // of the distance from float64, as a share of the weights' length
  emulated::CudnnBehaviour cudnn;
  emulated::CublasLtBehaviour cublaslt;
  const char* choice;  // of the first layer
};

void PrintTo(const Mixture& one, std::ostream* out) { *out << one.choice; }

class CudaMixtures : public testing::TestWithParam<Mixture> {
 protected:
  static ModelState trained(std::uint64_t seed, std::uint64_t windows) {
    const emulated::EmulatedDevice device(emulated_settings(seed));
    emulated::set_cudnn_behaviour(GetParam().cudnn);
    emulated::set_cublaslt_behaviour(GetParam().cublaslt);
    const auto engine = tuned(GetParam().math);
    EXPECT_THAT(engine->choices(), ContainsRegex(std::string("train 16x8x16x8=") + GetParam().choice));
    return train_windows(*engine, windows);
  }
};

TEST_P(CudaMixtures, StayWithinTheirBoundOfFloat64) {
  ReferenceNetwork reference(kSmallShape, small_settings(GetParam().math));
  constexpr std::uint64_t kSome = 5;
  for (std::uint64_t index = 0; index < kSome; ++index) {
    reference.run_window(SampleWindow(index, 40, 8, 0.05).view());
  }
  double length = 0;
  for (const double weight : reference.parameters()) length += weight * weight;
  EXPECT_LE(distance(trained(1, kSome).parameters, reference.parameters()),
            GetParam().bound * std::sqrt(length));
}

TEST_P(CudaMixtures, GiveTheSameBitsWhateverTheOrderOfTheDevicesWork) {
  const ModelState expected = trained(0, kWindows);
  constexpr std::uint64_t kSeeds = MILLRACE_CHECK_ACCESSES ? 2 : 10;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) ASSERT_EQ(trained(seed, kWindows), expected) << seed;
}

const emulated::CublasLtBehaviour kSlowBgrada = {.extra_us = {{CUBLASLT_EPILOGUE_BGRADA, 5}}};
const emulated::CublasLtBehaviour kUsual = {};

INSTANTIATE_TEST_SUITE_P(
    Engines, CudaMixtures,
    testing::Values(
        Mixture{MathMode::fp32, 1e-6, kAbsent, kSlowBgrada, "mask_bias cublaslt:[^ ]* cublaslt:"},
        Mixture{MathMode::tf32, 2e-3, kSlower, kSlowBgrada, "mask_bias cublaslt:[^ ]* cublaslt:"},
        Mixture{MathMode::tf32, 2e-3, kFaster, kUsual, "activation cudnn:[^ ]* cudnn:[^ ]* cudnn:"},
        Mixture{MathMode::tf32, 2e-3, kFasterGradients, kUsual,
                "activation cublaslt:[^ ]* cudnn:[^ ]* cudnn:"},
        Mixture{MathMode::bf16, 2e-2, kFaster, kUsual, "activation cudnn:[^ ]* cudnn:[^ ]* cudnn:"},
        Mixture{MathMode::bf16, 2e-2, kFasterGradients, kUsual,
                "activation cublaslt:[^ ]* cudnn:[^ ]* cudnn:"}));

// A handle that cannot be had is as good as no cuDNN; what fails later is a failure.
TEST(CudaTuningFaults, OfCudnnsHandleAreSaidAndDoneWithout) {
  emulated::EmulatedDevice device(emulated_settings(1));
  emulated::set_cudnn_behaviour(kFaster);
  device.fail_call("cudnnCreate", 1, cudaErrorMemoryAllocation);
  std::string said;
  const auto engine =
      engine_with(MathMode::tf32, {.tune = true, .note = [&said](const std::string& text) { said += text; }});
  EXPECT_THAT(said, AllOf(HasSubstr("without cuDNN"), HasSubstr("cudnnCreate")));
  EXPECT_THAT(engine->choices(), Not(HasSubstr("cudnn")));
}

TEST(CudaTuningFaults, OfCudnnsCallsAreDeviceErrors) {
  for (const char* call : {"cudnnGetPlans", "cudnnExecute"}) {
    for (const std::uint64_t nth : {1U, 3U}) {
      emulated::EmulatedDevice device(emulated_settings(1));
      emulated::set_cudnn_behaviour(kFaster);
      device.fail_call(call, nth, cudaErrorMemoryAllocation);
      try {
        static_cast<void>(tuned(MathMode::tf32));
        ADD_FAILURE() << "an engine was made";
      } catch (const DeviceError& error) {
        EXPECT_THAT(error.detail, HasSubstr(call));
      }
    }
  }
}

}  // namespace
}  // namespace millrace::test
