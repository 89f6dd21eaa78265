// Where cuBLASLt has no algorithm that fuses an epilogue, the plain product and a kernel of our own give the
// same.
#include <cublasLt.h>
#include <gtest/gtest.h>
#include <set>
#include <sstream>
#include <string>
#include <vector>

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

INSTANTIATE_TEST_SUITE_P(Epilogues, CudaFallback,
                         testing::Values(std::set<std::uint32_t>{CUBLASLT_EPILOGUE_RELU_BIAS},
                                         std::set<std::uint32_t>{CUBLASLT_EPILOGUE_RELU_AUX_BIAS},
                                         std::set<std::uint32_t>{CUBLASLT_EPILOGUE_BGRADA},
                                         std::set<std::uint32_t>{CUBLASLT_EPILOGUE_DRELU},
                                         std::set<std::uint32_t>{
                                             CUBLASLT_EPILOGUE_RELU_BIAS, CUBLASLT_EPILOGUE_RELU_AUX_BIAS,
                                             CUBLASLT_EPILOGUE_BGRADA, CUBLASLT_EPILOGUE_DRELU}));

TEST(CudaChoices, AreTakenUpByTheNextEngine) {
  const emulated::EmulatedDevice device(emulated_settings(1));
  const std::string first = small_engine()->choices();
  // The next advice is another; who has chosen stays with it.
  emulated::set_cublaslt_behaviour({.refused_epilogues = {CUBLASLT_EPILOGUE_BGRADA}});
  const std::string advised = small_engine()->choices();
  EXPECT_NE(advised, first);
  emulated::set_cublaslt_behaviour({});
  EXPECT_EQ(small_engine({.earlier_choices = advised})->choices(), advised);
}

// As states have it from the time when cuBLASLt was the only library: product by product, by m, n and k.
TEST(CudaChoices, OfEarlierVersionsOfTheProgramAreTakenUp) {
  const emulated::EmulatedDevice device(emulated_settings(1));
  emulated::set_cublaslt_behaviour({.refused_algorithms = {0}});  // so that the choice is not the advice
  const std::string now = small_engine()->choices();
  emulated::set_cublaslt_behaviour({});
  std::string before;
  std::istringstream entries(now);
  for (std::string entry; std::getline(entries, entry, ';');) {
    std::istringstream words(entry);
    std::string what;
    std::string shape;  // "16x8x16x8=mask"
    words >> what >> shape;
    std::vector<std::string> products;
    for (std::string product; words >> product;) products.push_back(product.substr(product.find(':') + 1));
    if (what != "train" && what != "score") {
      before += entry + ';';
      continue;
    }
    std::vector<std::string> sizes;
    std::istringstream numbers(shape.substr(0, shape.find('=')));
    for (std::string number; std::getline(numbers, number, 'x');) sizes.push_back(number);
    const auto name = [](const std::string& m, const std::string& n, const std::string& k) {
      return m + "x" + n + "x" + k + "=";
    };
    before += "forward " + name(sizes[2], sizes[0], sizes[1]) + products.front() + ';';
    if (products.size() == 3)
      before += "data_gradient " + name(sizes[2], sizes[0], sizes[3]) + products[1] + ';';
    if (what == "train")
      before += "weight_gradient " + name(sizes[2], sizes[1], sizes[0]) + products.back() + ';';
  }
  std::string said;
  EXPECT_EQ(small_engine({.earlier_choices = before,
                          .note = [&said](const std::string& sentence) { said = sentence; }})
                ->choices(),
            now);
  EXPECT_EQ(said, "");
}

TEST(CudaChoices, ThatCannotBeUsedAnyMoreAreMadeAnewAndThatIsSaid) {
  const emulated::EmulatedDevice device(emulated_settings(1));
  const std::string first = small_engine()->choices();
  emulated::set_cublaslt_behaviour({.refused_algorithms = {0}});
  std::string said;
  const std::string second = small_engine({.earlier_choices = first,
                                           .note = [&said](const std::string& sentence) { said = sentence; }})
                                 ->choices();
  EXPECT_NE(second, first);
  EXPECT_NE(said.find("chosen anew"), std::string::npos) << said;
  EXPECT_EQ(small_engine({.earlier_choices = second})->choices(), second);
}

TEST(CudaChoices, OfAnotherLibraryAreMadeAnewAndThatIsSaid) {
  const emulated::EmulatedDevice device(emulated_settings(1));
  const std::string first = small_engine()->choices();
  emulated::set_cublaslt_behaviour({.version = CUBLAS_VERSION + 1});
  std::string said;
  const auto engine = small_engine(
      {.earlier_choices = first, .note = [&said](const std::string& sentence) { said = sentence; }});
  EXPECT_NE(said.find("chosen anew"), std::string::npos) << said;
  EXPECT_NE(engine->choices(), first);
}

}  // namespace
}  // namespace millrace::test
