// The reference cuBLASLt against plain loops in double, and what it refuses, counts and replays.

#include "support/emulated_device/cublaslt.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "millrace/errors.h"

#include "cuda/buffer.h"
#include "cuda/graph.h"
#include "cuda/stream.h"
#include "matmul_call.h"
#include "matmul_memory.h"
#include "support/emulated_device/emulated_device.h"

namespace millrace {
namespace {

using emulated::EmulatedDevice;

const cuda::CublasLt& library() { return emulated::emulated_cublaslt(); }

constexpr emulated::Settings kSettings{.check_accesses = MILLRACE_CHECK_ACCESSES};

struct Types {
  const char* name;
  cudaDataType operands;
  cudaDataType result;
  cublasComputeType_t compute;
};
constexpr std::array kTypes = {
    Types{"float32", CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F},
    Types{"tf32", CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32},
    Types{"bfloat16", CUDA_R_16BF, CUDA_R_16BF, CUBLAS_COMPUTE_32F},
    Types{"bfloat16_to_float32", CUDA_R_16BF, CUDA_R_32F, CUBLAS_COMPUTE_32F},
};
struct Epilogue {
  const char* name;
  cublasLtEpilogue_t value;
};
constexpr std::array kEpilogues = {
    Epilogue{"default", CUBLASLT_EPILOGUE_DEFAULT},
    Epilogue{"relu", CUBLASLT_EPILOGUE_RELU},
    Epilogue{"bias", CUBLASLT_EPILOGUE_BIAS},
    Epilogue{"relu_bias", CUBLASLT_EPILOGUE_RELU_BIAS},
    Epilogue{"relu_aux", CUBLASLT_EPILOGUE_RELU_AUX},
    Epilogue{"relu_aux_bias", CUBLASLT_EPILOGUE_RELU_AUX_BIAS},
    Epilogue{"drelu", CUBLASLT_EPILOGUE_DRELU},
    Epilogue{"drelu_bgrad", CUBLASLT_EPILOGUE_DRELU_BGRAD},
    Epilogue{"bgrada", CUBLASLT_EPILOGUE_BGRADA},
    Epilogue{"bgradb", CUBLASLT_EPILOGUE_BGRADB},
};
struct Size {
  std::size_t m, n, k, gap;
};
constexpr std::array kSizes = {Size{1, 1, 1, 0},   Size{5, 3, 7, 0},    Size{33, 31, 17, 3},
                               Size{9, 16, 1, 1},  Size{16, 32, 24, 8}, Size{130, 2, 9, 6},
                               Size{12, 33, 40, 4}};

std::string dump(const MatmulShape& shape, std::size_t algorithm) {
  return std::to_string(shape.m)
             .append("x")
             .append(std::to_string(shape.n))
             .append("x")
             .append(std::to_string(shape.k)) +
         (shape.transpose_a ? " T" : " N") + (shape.transpose_b ? "T" : "N") + ", candidate " +
         std::to_string(algorithm);
}

using Described = std::tuple<Types, Epilogue>;

class EmulatedCublasLtProduct : public testing::TestWithParam<Described> {};

TEST_P(EmulatedCublasLtProduct, IsWhatTheDescriptorsSay) {
  const auto& [types, epilogue] = GetParam();
  const EmulatedDevice device(kSettings);
  const cuda::Stream stream;
  for (const Size& size : kSizes) {
    for (const bool transpose_a : {false, true}) {
      for (const bool transpose_b : {false, true}) {
        const MatmulShape shape{size.m,         size.n,       size.k,        transpose_a,    transpose_b,
                                types.operands, types.result, types.compute, epilogue.value, size.gap};
        const MatmulNumbers numbers = whole_numbers(shape);
        const MatmulNumbers wanted = expected(shape, numbers, 0.5F, 2);
        const MatmulCall call(shape);
        MatmulMemory(shape, numbers, stream).give_to(call);
        const auto candidates = call.candidates();
        ASSERT_FALSE(candidates.empty());
        for (std::size_t i = 0; i < candidates.size(); ++i) {
          SCOPED_TRACE(dump(shape, i));
          const MatmulMemory memory(shape, numbers, stream);
          memory.give_to(call);
          ASSERT_EQ(call.run(memory.view(), &candidates[i].algo, stream.view(), 0.5F, 2),
                    CUBLAS_STATUS_SUCCESS);
          ASSERT_EQ(memory.d(stream), wanted.d);
          ASSERT_EQ(memory.bias(stream), wanted.bias);
          ASSERT_EQ(memory.mask(stream), wanted.mask);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Epilogues, EmulatedCublasLtProduct,
                         testing::Combine(testing::ValuesIn(kTypes), testing::ValuesIn(kEpilogues)),
                         [](const testing::TestParamInfo<Described>& described) {
                           return std::string(std::get<Types>(described.param).name) + "_" +
                                  std::get<Epilogue>(described.param).name;
                         });

// A device, a stream, a call that any algorithm can compute, and its memory.
struct Planned {
  Planned(const MatmulShape& its_shape, const MatmulNumbers& its_numbers)
      : shape(its_shape), numbers(its_numbers), call(shape), memory(shape, numbers, stream) {
    memory.give_to(call);
  }
  explicit Planned(const MatmulShape& its_shape = {16, 32, 24})
      : Planned(its_shape, whole_numbers(its_shape)) {}

  [[nodiscard]] std::vector<float> result(const cublasLtMatmulAlgo_t* algorithm) const {
    EXPECT_EQ(call.run(memory.view(), algorithm, stream.view()), CUBLAS_STATUS_SUCCESS);
    return memory.d(stream);
  }

  EmulatedDevice device{kSettings};
  cuda::Stream stream;
  MatmulShape shape;
  MatmulNumbers numbers;
  MatmulCall call;
  MatmulMemory memory;
};

MatmulNumbers fractions(const MatmulShape& shape) {
  MatmulNumbers numbers = whole_numbers(shape);
  for (std::size_t i = 0; i < numbers.a.size(); ++i) numbers.a[i] += 1 / static_cast<float>(i + 3);
  for (std::size_t i = 0; i < numbers.b.size(); ++i) numbers.b[i] += 1 / static_cast<float>(i + 7);
  return numbers;
}

TEST(EmulatedCublasLt, ComputesInPlaceOfC) {
  const Planned planned;
  MatmulNumbers numbers = planned.numbers;
  numbers.c = numbers.d;
  MatmulCall::Memory memory = planned.memory.view();
  memory.c = memory.d;
  ASSERT_EQ(planned.call.run(memory, nullptr, planned.stream.view(), 1, 2), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(planned.memory.d(planned.stream), expected(planned.shape, numbers, 1, 2).d);
}

TEST(EmulatedCublasLt, LeavesCUnreadWhereBetaIsZero) {
  const Planned planned;
  const cuda::DeviceBuffer<float> unwritten(planned.shape.d_size(), planned.stream.view());
  MatmulCall::Memory memory = planned.memory.view();
  memory.c = unwritten.data();
  ASSERT_EQ(planned.call.run(memory, nullptr, planned.stream.view()), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(planned.memory.d(planned.stream), expected(planned.shape, planned.numbers, 1, 0).d);
}

TEST(EmulatedCublasLt, RoundsOperandsToTf32ToTheNearestEven) {
  const MatmulShape shape{1, 1, 1, false, false, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32};
  const float last = std::ldexp(1.0F, -10);  // the last bit that is left of 1
  const std::array<std::array<float, 2>, 6> cases = {{{1 + last / 2, 1},
                                                      {1 + 1.5F * last, 1 + 2 * last},
                                                      {1 + 0.51F * last, 1 + last},
                                                      {-1 - 0.49F * last, -1},
                                                      {INFINITY, INFINITY},
                                                      {1 + last, 1 + last}}};
  for (const auto& [value, wanted] : cases) {
    MatmulNumbers numbers = whole_numbers(shape);
    numbers.a = {value};
    numbers.b = {1};
    EXPECT_EQ(Planned(shape, numbers).result(nullptr).front(), wanted) << value;
  }
}

TEST(EmulatedCublasLt, KeepsANanThatTf32HasNoBitsFor) {
  const MatmulShape shape{1, 1, 1, false, false, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32};
  MatmulNumbers numbers = whole_numbers(shape);
  numbers.a = {std::bit_cast<float>(0x7f800001U)};
  EXPECT_TRUE(std::isnan(Planned(shape, numbers).result(nullptr).front()));
}

TEST(EmulatedCublasLt, AccumulatesInFloatWithoutRoundingProducts) {
  const MatmulShape shape{1, 1, 2};
  const float e = std::ldexp(1.0F, -12);
  MatmulNumbers numbers = whole_numbers(shape);
  numbers.a = {-1 - 2 * e, 1 + e};
  numbers.b = {1, 1 + e};
  EXPECT_EQ(Planned(shape, numbers).result(nullptr).front(), e * e);  // -1-2e + (1+e)²
}

TEST(EmulatedCublasLt, RoundsTheResultOnce) {
  // Between 256 and 258 bfloat16 has nothing: sums rounded on the way would stay at 256.
  const MatmulShape shape{1, 1, 3, false, false, CUDA_R_16BF, CUDA_R_16BF};
  MatmulNumbers numbers = whole_numbers(shape);
  numbers.a = {256, 0.75F, 0.5F};
  numbers.b = {1, 1, 1};
  EXPECT_EQ(Planned(shape, numbers).result(nullptr).front(), 258);
}

TEST(EmulatedCublasLt, PassesANanThroughToBfloat16) {
  const MatmulShape shape{1, 1, 1, false, false, CUDA_R_16BF, CUDA_R_16BF};
  MatmulNumbers numbers = whole_numbers(shape);
  numbers.a = {NAN};
  EXPECT_TRUE(std::isnan(Planned(shape, numbers).result(nullptr).front()));
}

// --- algorithms

TEST(EmulatedCublasLt, GivesEachAlgorithmItsOwnBits) {
  const MatmulShape shape{16, 32, 200};
  const Planned planned(shape, fractions(shape));
  const auto candidates = planned.call.candidates();
  ASSERT_EQ(candidates.size(), emulated::kCublasLtAlgorithms);
  std::set<std::vector<float>> results;
  for (const auto& candidate : candidates) results.insert(planned.result(&candidate.algo));
  EXPECT_GE(results.size(), 3U);  // in place and in the workspace agree where the result is float32
}

TEST(EmulatedCublasLt, GivesTheSameBitsEveryTime) {
  const MatmulShape shape{16, 32, 200};
  const Planned planned(shape, fractions(shape));
  for (const auto& candidate : planned.call.candidates()) {
    EXPECT_EQ(planned.result(&candidate.algo), planned.result(&candidate.algo));
  }
}

TEST(EmulatedCublasLt, OffersNothingThatNeedsMoreWorkspaceThanAllowed) {
  const Planned planned;
  static_cast<void>(planned.call.prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{0}));
  const auto candidates = planned.call.candidates();
  EXPECT_EQ(candidates.size(), 2U);
  for (const auto& candidate : candidates) EXPECT_EQ(candidate.workspaceSize, 0U);
}

TEST(EmulatedCublasLt, OffersOnlyTheReductionSchemesThatAreAllowed) {
  const Planned planned;
  static_cast<void>(planned.call.prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                                        std::uint32_t{CUBLASLT_REDUCTION_SCHEME_NONE}));
  std::vector<unsigned> numbers;
  for (const auto& candidate : planned.call.candidates()) {
    numbers.push_back(emulated::algorithm_number(candidate.algo).value());
  }
  EXPECT_EQ(numbers, (std::vector<unsigned>{1, 3}));
}

TEST(EmulatedCublasLt, OffersForLooselyAlignedMatricesWhatNeedsNoAlignment) {
  const Planned planned;
  static_cast<void>(planned.call.prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, std::uint32_t{4}));
  const auto candidates = planned.call.candidates();
  ASSERT_EQ(candidates.size(), 1U);
  EXPECT_EQ(emulated::algorithm_number(candidates.front().algo), 3U);
}

TEST(EmulatedCublasLt, RefusesMatricesThatAreLessAlignedThanTheAlgorithmNeeds) {
  const Planned planned;
  const auto candidates = planned.call.candidates();
  MatmulCall::Memory memory = planned.memory.view();
  memory.b = static_cast<const std::byte*>(memory.b) + 4;
  EXPECT_EQ(planned.call.run(memory, &candidates.front().algo, planned.stream.view()),
            CUBLAS_STATUS_NOT_SUPPORTED);
}

TEST(EmulatedCublasLt, RefusesAnAlgorithmWithoutItsWorkspace) {
  const Planned planned;
  const auto best = planned.call.candidates().front();
  ASSERT_GT(best.workspaceSize, 0U);
  MatmulCall::Memory memory = planned.memory.view();
  memory.workspace_bytes = best.workspaceSize - 1;
  EXPECT_EQ(planned.call.run(memory, &best.algo, planned.stream.view()), CUBLAS_STATUS_INVALID_VALUE);
  memory = planned.memory.view();
  memory.workspace = nullptr;
  EXPECT_EQ(planned.call.run(memory, &best.algo, planned.stream.view()), CUBLAS_STATUS_INVALID_VALUE);
  memory = planned.memory.view();
  memory.workspace = static_cast<std::byte*>(memory.workspace) + 128;
  EXPECT_EQ(planned.call.run(memory, &best.algo, planned.stream.view()), CUBLAS_STATUS_INVALID_VALUE);
}

TEST(EmulatedCublasLt, ChecksARestoredAlgorithmByItsBytes) {
  const Planned planned;
  const cublasLtMatmulAlgo_t best = planned.call.candidates().front().algo;
  cublasLtMatmulAlgo_t restored{};
  std::memcpy(&restored, &best, sizeof best);
  EXPECT_EQ(planned.call.check(restored), CUBLAS_STATUS_SUCCESS);
  for (std::size_t byte = 0; byte < sizeof best; ++byte) {
    cublasLtMatmulAlgo_t damaged = best;
    reinterpret_cast<unsigned char*>(&damaged)[byte] ^= 1U;
    EXPECT_EQ(planned.call.check(damaged), CUBLAS_STATUS_INVALID_VALUE) << byte;
  }
}

TEST(EmulatedCublasLt, RefusesAnAlgorithmOfOtherTypes) {
  const Planned planned;
  const cublasLtMatmulAlgo_t best = planned.call.candidates().front().algo;
  static_cast<void>(planned.call.set(CUBLASLT_MATMUL_DESC_COMPUTE_TYPE, CUBLAS_COMPUTE_32F_FAST_TF32));
  EXPECT_EQ(planned.call.check(best), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(planned.call.run(planned.memory.view(), &best, planned.stream.view()),
            CUBLAS_STATUS_INVALID_VALUE);
}

TEST(EmulatedCublasLt, RefusesTheAlgorithmsOfAnotherVersion) {
  const Planned planned;
  const cublasLtMatmulAlgo_t best = planned.call.candidates().front().algo;
  emulated::set_cublaslt_behaviour({.version = 130200});
  EXPECT_EQ(library().get_version(), 130200U);
  EXPECT_EQ(planned.call.check(best), CUBLAS_STATUS_NOT_SUPPORTED);
  EXPECT_EQ(planned.call.run(planned.memory.view(), &best, planned.stream.view()),
            CUBLAS_STATUS_NOT_SUPPORTED);
}

TEST(EmulatedCublasLt, NeitherOffersNorRunsARefusedAlgorithm) {
  const Planned planned;
  const cublasLtMatmulAlgo_t best = planned.call.candidates().front().algo;
  emulated::set_cublaslt_behaviour({.refused_algorithms = {0}});
  EXPECT_EQ(emulated::algorithm_number(planned.call.candidates().front().algo), 1U);
  EXPECT_EQ(planned.call.check(best), CUBLAS_STATUS_NOT_SUPPORTED);
  EXPECT_EQ(planned.call.run(planned.memory.view(), &best, planned.stream.view()),
            CUBLAS_STATUS_NOT_SUPPORTED);
}

TEST(EmulatedCublasLt, RefusesAnEpilogueInTheWayItIsToldTo) {
  const Planned planned(
      {16, 32, 24, false, false, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F, CUBLASLT_EPILOGUE_BGRADA});
  std::vector<cublasLtMatmulHeuristicResult_t> found;
  emulated::set_cublaslt_behaviour({.refused_epilogues = {CUBLASLT_EPILOGUE_BGRADA}});
  EXPECT_EQ(planned.call.ask(found), CUBLAS_STATUS_NOT_SUPPORTED);
  EXPECT_TRUE(found.empty());
  EXPECT_EQ(planned.call.run(planned.memory.view(), nullptr, planned.stream.view()),
            CUBLAS_STATUS_NOT_SUPPORTED);
  emulated::set_cublaslt_behaviour({.refused_epilogues = {CUBLASLT_EPILOGUE_BGRADA}, .silent_refusal = true});
  EXPECT_EQ(planned.call.ask(found), CUBLAS_STATUS_SUCCESS);
  EXPECT_TRUE(found.empty());
}

// --- what is refused

// What the heuristic says of a call after `spoil(call)`.
template <class Spoil>
cublasStatus_t asked_after(const MatmulShape& shape, Spoil&& spoil) {
  const EmulatedDevice device(kSettings);
  const MatmulCall call(shape);
  spoil(call);
  std::vector<cublasLtMatmulHeuristicResult_t> found;
  return call.ask(found);
}

MatmulShape with(cublasLtEpilogue_t epilogue) {
  MatmulShape shape{16, 32, 24};
  shape.epilogue = epilogue;
  return shape;
}

TEST(EmulatedCublasLt, RefusesDescriptorsThatContradictEachOther) {
  EXPECT_EQ(asked_after({}, [](const MatmulCall&) {}), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(asked_after({},
                        [](const MatmulCall& call) {
                          static_cast<void>(call.set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T));
                        }),
            CUBLAS_STATUS_INVALID_VALUE);
  MatmulShape overlapping;
  overlapping.gap = ~std::size_t{0};  // columns one element too close
  EXPECT_EQ(asked_after(overlapping, [](const MatmulCall&) {}), CUBLAS_STATUS_INVALID_VALUE);
}

TEST(EmulatedCublasLt, RefusesAMaskWhoseColumnsAreNotWholeGroupsOf128Bits) {
  for (const std::int64_t leading : {0, 16, 64, 129}) {
    EXPECT_EQ(asked_after(with(CUBLASLT_EPILOGUE_RELU_AUX),
                          [&](const MatmulCall& call) {
                            static_cast<void>(call.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, leading));
                          }),
              CUBLAS_STATUS_INVALID_VALUE)
        << leading;
  }
}

TEST(EmulatedCublasLt, RefusesAMaskThatIsShorterThanAColumn) {
  MatmulShape shape = with(CUBLASLT_EPILOGUE_DRELU);
  shape.m = 132;
  EXPECT_EQ(
      asked_after(shape,
                  [](const MatmulCall& call) {
                    static_cast<void>(call.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, std::int64_t{128}));
                  }),
      CUBLAS_STATUS_INVALID_VALUE);
}

TEST(EmulatedCublasLt, SupportsNoOtherTypesThanItsOwn) {
  MatmulShape shape;
  shape.result = CUDA_R_16BF;  // from float32
  EXPECT_EQ(asked_after(shape, [](const MatmulCall&) {}), CUBLAS_STATUS_NOT_SUPPORTED);
  shape = {};
  shape.operands = shape.result = CUDA_R_16BF;
  shape.compute = CUBLAS_COMPUTE_32F_FAST_TF32;
  EXPECT_EQ(asked_after(shape, [](const MatmulCall&) {}), CUBLAS_STATUS_NOT_SUPPORTED);
  shape = {};
  shape.compute = CUBLAS_COMPUTE_16F;
  EXPECT_EQ(asked_after(shape, [](const MatmulCall&) {}), CUBLAS_STATUS_NOT_SUPPORTED);
  EXPECT_EQ(asked_after(with(CUBLASLT_EPILOGUE_GELU), [](const MatmulCall&) {}), CUBLAS_STATUS_NOT_SUPPORTED);
}

TEST(EmulatedCublasLt, TakesABiasOfTheResultsTypeOnly) {
  for (const bool same : {true, false}) {
    EXPECT_EQ(asked_after(with(CUBLASLT_EPILOGUE_BIAS),
                          [&](const MatmulCall& call) {
                            static_cast<void>(call.set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE,
                                                       same ? CUDA_R_32F : CUDA_R_16BF));
                          }),
              same ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED);
  }
}

TEST(EmulatedCublasLt, RefusesAnEpilogueWithoutItsMemory) {
  for (const cublasLtEpilogue_t epilogue : {CUBLASLT_EPILOGUE_BIAS, CUBLASLT_EPILOGUE_BGRADB,
                                            CUBLASLT_EPILOGUE_RELU_AUX, CUBLASLT_EPILOGUE_DRELU}) {
    const Planned planned(with(epilogue));
    void* const nothing = nullptr;
    static_cast<void>(planned.call.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, nothing));
    static_cast<void>(planned.call.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, nothing));
    EXPECT_EQ(planned.call.run(planned.memory.view(), nullptr, planned.stream.view()),
              CUBLAS_STATUS_INVALID_VALUE);
  }
}

TEST(EmulatedCublasLt, RefusesAttributesOfAnotherSize) {
  const Planned planned;
  EXPECT_EQ(planned.call.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, std::int32_t{128}),
            CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(planned.call.prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint32_t{1}),
            CUBLAS_STATUS_INVALID_VALUE);
}

TEST(EmulatedCublasLt, RefusesAResultThatOverlapsAnOperand) {
  const Planned planned;
  MatmulCall::Memory memory = planned.memory.view();
  memory.d = const_cast<std::byte*>(static_cast<const std::byte*>(memory.a)) + 16;
  EXPECT_EQ(planned.call.run(memory, nullptr, planned.stream.view()), CUBLAS_STATUS_INVALID_VALUE);
}

TEST(EmulatedCublasLt, IsNotInitializedWithoutADevice) {
  cublasLtHandle_t handle = nullptr;
  EXPECT_EQ(library().create(&handle), CUBLAS_STATUS_NOT_INITIALIZED);
  const EmulatedDevice none({.device_count = 0});
  EXPECT_EQ(library().create(&handle), CUBLAS_STATUS_NOT_INITIALIZED);
}

TEST(EmulatedCublasLt, MakesDescriptorsWithoutADevice) {
  cublasLtMatmulDesc_t operation = nullptr;
  EXPECT_EQ(library().matmul_desc_create(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(library().matmul_desc_destroy(operation), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(library().matmul_desc_destroy(operation), CUBLAS_STATUS_INVALID_VALUE);
}

TEST(EmulatedCublasLt, RefusesAHandleThatIsNone) {
  const Planned planned;
  const float one = 1;
  EXPECT_EQ(library().matmul(nullptr, nullptr, &one, nullptr, nullptr, nullptr, nullptr, &one, nullptr,
                             nullptr, nullptr, nullptr, nullptr, nullptr, 0, planned.stream.view()),
            CUBLAS_STATUS_NOT_INITIALIZED);
}

TEST(EmulatedCublasLt, RefusesTheDefaultStream) {
  Planned planned;
  EXPECT_NE(planned.call.run(planned.memory.view(), nullptr, nullptr), CUBLAS_STATUS_SUCCESS);
  const auto failures = planned.device.take_failures();
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures.front().kind, emulated::Failure::Kind::default_stream);
  EXPECT_EQ(failures.front().work, "cublasLtMatmul");
}

// --- on the stream

TEST(EmulatedCublasLt, FailsTheCallsThatItIsToldToFail) {
  Planned planned;
  planned.device.fail_call("cublasLtMatmul", 2, cudaErrorLaunchOutOfResources);
  const auto run = [&] { return planned.call.run(planned.memory.view(), nullptr, planned.stream.view()); };
  EXPECT_EQ(run(), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(run(), CUBLAS_STATUS_EXECUTION_FAILED);
  EXPECT_EQ(run(), CUBLAS_STATUS_SUCCESS);
  planned.device.fail_call("cublasLtMatmul", 1, cudaErrorNotSupported);
  EXPECT_EQ(run(), CUBLAS_STATUS_NOT_SUPPORTED);
  planned.device.fail_call("cublasLtMatrixLayoutCreate", 1, cudaErrorMemoryAllocation);
  cublasLtMatrixLayout_t layout = nullptr;
  EXPECT_EQ(library().matrix_layout_create(&layout, CUDA_R_32F, 1, 1, 1), CUBLAS_STATUS_ALLOC_FAILED);
}

TEST(EmulatedCublasLt, CountsHandlesThatAreNotDestroyed) {
  const EmulatedDevice device(kSettings);
  {
    const MatmulCall call({});
    EXPECT_EQ(device.counters().live_handles,
              6U);  // the library, the operation, three layouts, the preference
  }
  EXPECT_EQ(device.counters().live_handles, 0U);
}

TEST(EmulatedCublasLt, CountsAProductOnceAsALaunchAndByItsName) {
  const Planned planned;
  planned.stream.synchronize();
  const emulated::Counters before = planned.device.counters();
  ASSERT_EQ(planned.call.run(planned.memory.view(), nullptr, planned.stream.view()), CUBLAS_STATUS_SUCCESS);
  planned.stream.synchronize();
  const emulated::Counters after = planned.device.counters();
  EXPECT_EQ(after.launches, before.launches + 1);
  EXPECT_EQ(after.library_run, before.library_run + 1);
  EXPECT_EQ(after.kernels_run, before.kernels_run);
  EXPECT_EQ(planned.device.calls_of("cublasLtMatmul"), 1U);
}

TEST(EmulatedCublasLt, ComputesAgainWithEveryReplayOfItsCapture) {
  const Planned planned;
  MatmulCall::Memory memory = planned.memory.view();
  memory.c = memory.d;
  const cuda::GraphExec exec(cuda::capture(planned.stream.view(), [&] {
    ASSERT_EQ(planned.call.run(memory, nullptr, planned.stream.view(), 1, 1), CUBLAS_STATUS_SUCCESS);
  }));
  EXPECT_EQ(planned.device.counters().library_run, 0U);
  for (int replay = 0; replay < 3; ++replay) exec.launch_async(planned.stream.view());
  MatmulNumbers numbers = planned.numbers;
  for (int replay = 0; replay < 3; ++replay) {
    numbers.c = numbers.d;
    numbers = expected(planned.shape, numbers, 1, 1);
  }
  EXPECT_EQ(planned.memory.d(planned.stream), numbers.d);
  EXPECT_EQ(planned.device.counters().library_run, 3U);
}

TEST(EmulatedCublasLt, TakesTimeOnTheClockByItsSize) {
  const auto time_of = [](std::size_t k) {
    const Planned planned(MatmulShape{64, 64, k});
    const cuda::Event begin(cuda::Event::Timing::on);
    const cuda::Event end(cuda::Event::Timing::on);
    planned.stream.synchronize();
    planned.stream.record_async(begin);
    for (int i = 0; i < 16; ++i) {
      EXPECT_EQ(planned.call.run(planned.memory.view(), nullptr, planned.stream.view()),
                CUBLAS_STATUS_SUCCESS);
    }
    planned.stream.record_async(end);
    end.wait();
    return cuda::elapsed(begin, end).count();
  };
  EXPECT_GT(time_of(4096), time_of(16) + 0.03F);
}

TEST(EmulatedCublasLt, FindsMemoryUsedAfterItsReleaseWithoutChecksToo) {
  Planned planned;
  void* dangling = nullptr;
  {
    const cuda::DeviceBuffer<float> gone(planned.shape.d_size(), planned.stream.view());
    dangling = gone.data();
  }
  MatmulCall::Memory memory = planned.memory.view();
  memory.d = dangling;
  ASSERT_EQ(planned.call.run(memory, nullptr, planned.stream.view()), CUBLAS_STATUS_SUCCESS);
  EXPECT_THROW(planned.stream.synchronize(), DeviceError);
  const auto failures = planned.device.take_failures();
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures.front().kind, emulated::Failure::Kind::use_after_free);
  EXPECT_EQ(failures.front().work, "cublasLtMatmul");
}

TEST(EmulatedCublasLt, FindsAMatrixThatEndsBehindItsBuffer) {
  Planned planned;
  const cuda::DeviceBuffer<float> shorter(planned.shape.d_size() - 1, planned.stream.view());
  MatmulCall::Memory memory = planned.memory.view();
  memory.d = shorter.data();
  ASSERT_EQ(planned.call.run(memory, nullptr, planned.stream.view()), CUBLAS_STATUS_SUCCESS);
  EXPECT_THROW(planned.stream.synchronize(), DeviceError);
  const auto failures = planned.device.take_failures();
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures.front().kind, emulated::Failure::Kind::out_of_bounds);
  EXPECT_EQ(failures.front().detail.substr(0, 3), "D: ");
}

}  // namespace
}  // namespace millrace
