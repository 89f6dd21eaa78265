// Mistakes around a library's work, found by its ranges under every seed because accesses are observed.

#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <optional>
#include <vector>

#include "millrace/errors.h"

#include "cuda/buffer.h"
#include "cuda/graph.h"
#include "cuda/stream.h"
#include "matmul_call.h"
#include "matmul_memory.h"
#include "sample_kernels.h"
#include "support/emulated_device/emulated_device.h"

namespace millrace {
namespace {

using emulated::Failure;
using Kind = Failure::Kind;

constexpr std::uint64_t kSeeds = 30;

// A product whose operands are written, and two streams.
struct Scene {
  explicit Scene(const MatmulShape& its_shape = {16, 32, 24})
      : shape(its_shape), call(shape), memory(shape, whole_numbers(shape), main) {
    memory.give_to(call);
    main.synchronize();
  }

  void multiply(const MatmulCall::Memory& arrays, const cuda::Stream& stream) const {
    EXPECT_EQ(call.run(arrays, nullptr, stream.view()), CUBLAS_STATUS_SUCCESS);
  }

  cuda::Stream main;
  cuda::Stream side;
  MatmulShape shape;
  MatmulCall call;
  MatmulMemory memory;
};

// The failures of `body(scene)`, seed by seed.
template <class Body>
std::vector<Failure> failures_of(const MatmulShape& shape, Body&& body) {
  std::vector<Failure> all;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    emulated::EmulatedDevice device({.seed = seed, .check_accesses = true});
    try {
      const Scene scene(shape);
      body(scene);
      scene.main.synchronize();
      scene.side.synchronize();
    } catch (const DeviceError&) {  // the device is lost, and the failure says why
    }
    for (const Failure& failure : device.take_failures()) all.push_back(failure);
  }
  return all;
}

template <class Body>
void expect_under_every_seed(Kind kind, const char* detail, const MatmulShape& shape, Body&& body) {
  const std::vector<Failure> failures = failures_of(shape, body);
  EXPECT_EQ(failures.size(), kSeeds);
  for (const Failure& failure : failures) {
    EXPECT_EQ(failure.kind, kind) << failure.sentence();
    EXPECT_EQ(failure.detail.find(detail), 0U) << failure.sentence();
  }
}

constexpr MatmulShape kShape{16, 32, 24};

TEST(CublasLtFindings, AProductWithoutMistakesHasNone) {
  EXPECT_TRUE(failures_of(kShape, [](const Scene& scene) {
                const cuda::Event multiplied;
                scene.multiply(scene.memory.view(), scene.side);
                scene.side.record_async(multiplied);
                scene.main.wait_for_async(multiplied);
                static_cast<void>(scene.memory.d(scene.main));
              }).empty());
}

TEST(CublasLtFindings, AnOperandThatNothingWroteIsFound) {
  expect_under_every_seed(Kind::never_written, "B: ", kShape, [](const Scene& scene) {
    const cuda::DeviceBuffer<float> unwritten(scene.shape.b_size(), scene.main.view());
    cuda::fill_zero_async(unwritten.view().first(unwritten.size() - 1), scene.main.view());
    MatmulCall::Memory arrays = scene.memory.view();
    arrays.b = unwritten.data();
    scene.multiply(arrays, scene.main);
    scene.main.synchronize();
  });
}

TEST(CublasLtFindings, ABiasThatNothingWroteIsFound) {
  MatmulShape shape = kShape;
  shape.epilogue = CUBLASLT_EPILOGUE_BIAS;
  expect_under_every_seed(Kind::never_written, "bias: ", shape, [](const Scene& scene) {
    const cuda::DeviceBuffer<float> unwritten(scene.shape.m, scene.main.view());
    static_cast<void>(
        scene.call.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(unwritten.data())));
    scene.multiply(scene.memory.view(), scene.main);
    scene.main.synchronize();
  });
}

TEST(CublasLtFindings, AMaskThatNothingWroteIsFound) {
  MatmulShape shape = kShape;
  shape.epilogue = CUBLASLT_EPILOGUE_DRELU;
  expect_under_every_seed(Kind::never_written, "ReLU mask: ", shape, [](const Scene& scene) {
    const cuda::DeviceBuffer<std::uint8_t> unwritten(scene.shape.n * 16, scene.main.view());
    static_cast<void>(scene.call.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER,
                                     static_cast<const void*>(unwritten.data())));
    scene.multiply(scene.memory.view(), scene.main);
    scene.main.synchronize();
  });
}

TEST(CublasLtFindings, TheGapsBetweenColumnsMayStayUnwritten) {
  MatmulShape shape = kShape;
  shape.gap = 4;
  EXPECT_TRUE(failures_of(shape, [](const Scene& scene) {
                const cuda::DeviceBuffer<float> gappy(scene.shape.a_size(), scene.main.view());
                const std::size_t pitch = scene.shape.a_rows() + scene.shape.gap;
                for (std::size_t column = 0; column < scene.shape.a_columns(); ++column) {
                  cuda::fill_zero_async(gappy.view().subspan(column * pitch, scene.shape.a_rows()),
                                        scene.main.view());
                }
                MatmulCall::Memory arrays = scene.memory.view();
                arrays.a = gappy.data();
                scene.multiply(arrays, scene.main);
                scene.main.synchronize();
              }).empty());
}

TEST(CublasLtFindings, AResultReadWithoutAWaitIsFound) {
  expect_under_every_seed(Kind::stream_race, "", kShape, [](const Scene& scene) {
    scene.multiply(scene.memory.view(), scene.side);
    static_cast<void>(scene.memory.d(scene.main));
  });
}

TEST(CublasLtFindings, AnOperandOverwrittenWithoutAWaitIsFound) {
  expect_under_every_seed(Kind::stream_race, "", kShape, [](const Scene& scene) {
    scene.multiply(scene.memory.view(), scene.side);
    auto* a = static_cast<float*>(const_cast<void*>(scene.memory.view().a));
    cuda::fill_zero_async(std::span(a, 1), scene.main.view());
  });
}

TEST(CublasLtFindings, AWorkspaceSharedByTwoStreamsIsFound) {
  expect_under_every_seed(Kind::stream_race, "workspace: ", kShape, [](const Scene& scene) {
    const cuda::DeviceBuffer<float> other(scene.shape.d_size(), scene.main.view());
    scene.main.synchronize();
    const auto best = scene.call.candidates().front();
    MatmulCall::Memory arrays = scene.memory.view();
    EXPECT_EQ(scene.call.run(arrays, &best.algo, scene.main.view()), CUBLAS_STATUS_SUCCESS);
    arrays.d = other.data();
    EXPECT_EQ(scene.call.run(arrays, &best.algo, scene.side.view()), CUBLAS_STATUS_SUCCESS);
    scene.side.synchronize();
    scene.main.synchronize();
  });
}

TEST(CublasLtFindings, AMissingWaitInsideAReplayIsFound) {
  expect_under_every_seed(Kind::stream_race, "", kShape, [](const Scene& scene) {
    const cuda::Event forked;
    const cuda::Event joined;
    auto* d = static_cast<float*>(scene.memory.view().d);
    const cuda::GraphExec exec(cuda::capture(scene.main.view(), [&] {
      scene.main.record_async(forked);
      scene.side.wait_for_async(forked);
      scene.multiply(scene.memory.view(), scene.side);
      scene.side.record_async(joined);
      samples::scale_async(std::span(d, 64), 1, 1, std::span(d, 64), scene.main.view());
      scene.main.wait_for_async(joined);  // one line late
    }));
    exec.launch_async(scene.main.view());
    scene.main.synchronize();
  });
}

TEST(CublasLtFindings, AKernelMayReadWhatAProductWrote) {
  EXPECT_TRUE(failures_of(kShape, [](const Scene& scene) {
                const cuda::DeviceBuffer<float> fresh(scene.shape.d_size(), scene.main.view());
                const cuda::DeviceBuffer<float> scaled(scene.shape.d_size(), scene.main.view());
                MatmulCall::Memory arrays = scene.memory.view();
                arrays.d = fresh.data();
                scene.multiply(arrays, scene.main);
                samples::scale_async(fresh.view(), 2, 0, scaled.view(), scene.main.view());
                scene.main.synchronize();
              }).empty());
}

}  // namespace
}  // namespace millrace
