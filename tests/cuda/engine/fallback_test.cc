// Where cuBLASLt has no algorithm that fuses an epilogue, the plain product and a kernel of our own give the same.
#include <cublasLt.h>
#include <gtest/gtest.h>
#include <set>

#include "millrace/errors.h"

#include "cuda/engine/emulated_engine.h"
#include "support/emulated_device/cublaslt.h"

namespace millrace::test {
namespace {

constexpr std::uint64_t kWindows = 3;

struct Trained {
  ModelState state;
  std::string choices;
};

Trained train_without(const std::set<std::uint32_t>& epilogues, bool silent = false) {
  const emulated::EmulatedDevice device(emulated_settings(1));
  emulated::set_cublaslt_behaviour({.refused_epilogues = epilogues, .silent_refusal = silent});
  const auto engine = small_engine();
  const ModelState state = train_windows(*engine, kWindows);
  return {state, engine->choices()};
}

void expect_near(const ModelState& one, const ModelState& other) {
  EXPECT_EQ(one.step, other.step);
  for (std::size_t i = 0; i < one.parameters.size(); ++i) {
    ASSERT_NEAR(one.parameters[i], other.parameters[i], 1e-5) << i;
  }
}

class CudaFallback : public testing::TestWithParam<std::set<std::uint32_t>> {};

TEST_P(CudaFallback, TrainsAsTheFusedProductsDo) {
  const Trained fused = train_without({});
  EXPECT_EQ(fused.choices.find("plain"), std::string::npos);
  for (const bool silent : {false, true}) {
    const Trained plain = train_without(GetParam(), silent);
    EXPECT_NE(plain.choices.find("plain"), std::string::npos);
    expect_near(plain.state, fused.state);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Epilogues, CudaFallback,
    testing::Values(std::set<std::uint32_t>{CUBLASLT_EPILOGUE_RELU_BIAS},
                    std::set<std::uint32_t>{CUBLASLT_EPILOGUE_RELU_AUX_BIAS},
                    std::set<std::uint32_t>{CUBLASLT_EPILOGUE_BGRADA},
                    std::set<std::uint32_t>{CUBLASLT_EPILOGUE_DRELU},
                    std::set<std::uint32_t>{CUBLASLT_EPILOGUE_RELU_BIAS, CUBLASLT_EPILOGUE_RELU_AUX_BIAS,
                                            CUBLASLT_EPILOGUE_BGRADA, CUBLASLT_EPILOGUE_DRELU}));

TEST(CudaChoices, AreTakenUpByTheNextEngine) {
  const emulated::EmulatedDevice device(emulated_settings(1));
  const std::string first = small_engine()->choices();
  // The next advice is another; who has chosen stays with it.
  emulated::set_cublaslt_behaviour({.refused_epilogues = {CUBLASLT_EPILOGUE_BGRADA}});
  const std::string advised = small_engine()->choices();
  EXPECT_NE(advised, first);
  emulated::set_cublaslt_behaviour({});
  EXPECT_EQ(small_engine(true, advised)->choices(), advised);
}

TEST(CudaChoices, ThatCannotBeUsedAnyMoreAreMadeAnew) {
  const emulated::EmulatedDevice device(emulated_settings(1));
  const std::string first = small_engine()->choices();
  emulated::set_cublaslt_behaviour({.refused_algorithms = {0}});
  const std::string second = small_engine(true, first)->choices();
  EXPECT_NE(second, first);
  EXPECT_EQ(small_engine(true, second)->choices(), second);
}

TEST(CudaChoices, OfAnotherLibraryAreMadeAnewAndThatIsSaid) {
  const emulated::EmulatedDevice device(emulated_settings(1));
  const std::string first = small_engine()->choices();
  emulated::set_cublaslt_behaviour({.version = CUBLAS_VERSION + 1});
  std::string said;
  const auto engine = small_engine(true, first, [&said](const std::string& sentence) { said = sentence; });
  EXPECT_NE(said.find("chosen anew"), std::string::npos) << said;
  EXPECT_NE(engine->choices(), first);
}

}  // namespace
}  // namespace millrace::test
