// What a step and a window cost in calls.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include "cuda/engine/emulated_engine.h"
#include "cuda/engine/test_device.h"
#include "cuda/gemm/cublaslt_products.h"
#include "support/emulated_device/cublaslt.h"
#include "support/sample_window.h"

namespace millrace::test {
namespace {

// Of the default network.
std::unique_ptr<cuda::CudaEngine> default_engine(bool graphs) {
  const auto products = [](cudaStream_t stream) {
    cuda::ProductLibraries libraries;
    libraries.push_back(
        cuda::make_cublaslt_products(emulated::emulated_cublaslt(), {.workspace_bytes = 1 << 20}, stream));
    return libraries;
  };
  return cuda::make_engine({{9, 128, 256, 128, 1}}, {.epochs = 1, .batch = 32}, 96,
                           {.device_name = "emulated device", .products = products, .graphs = graphs});
}

// By how much 32 more rows, which are one more step, raise a counter; they are scored in one batch all the
// same.
template <class Counter>
std::uint64_t cost_of_a_step(bool graphs, Counter counter) {
  const emulated::EmulatedDevice device(emulated_settings(1));
  const auto engine = default_engine(graphs);
  const auto cost_of = [&](std::uint32_t rows) {
    const StagedWindow window(*engine, SampleWindow(0, rows, 9).view());
    const std::uint64_t before = counter(device);
    engine->stage(window.view());
    engine->score();
    engine->train();
    engine->wait();
    return counter(device) - before;
  };
  const std::uint64_t one = cost_of(32);
  return cost_of(64) - one;
}

TEST(CudaSteadyState, LaunchesTwelveTimesPerStepWithoutGraphs) {
  EXPECT_EQ(cost_of_a_step(false, [](const auto& device) { return device.counters().launches; }), 12U);
}

TEST(CudaSteadyState, LaunchesOncePerStepWithGraphs) {
  EXPECT_EQ(cost_of_a_step(true, [](const auto& device) { return device.counters().launches; }), 1U);
}

TEST(CudaSteadyState, RunsFourKernelsOfItsOwnAndEightProductsPerStep) {
  EXPECT_EQ(cost_of_a_step(true, [](const auto& device) { return device.counters().kernels_run; }), 4U);
  EXPECT_EQ(cost_of_a_step(true, [](const auto& device) { return device.counters().library_run; }), 8U);
}

TEST(CudaSteadyState, NeitherAllocatesNorWaitsUntilTheOutcomeIsWanted) {
  const emulated::EmulatedDevice device(emulated_settings(1));
  const auto engine = small_engine();
  const StagedWindow first(*engine, SampleWindow(0, 40, 8).view());
  const StagedWindow second(*engine, SampleWindow(1, 40, 8).view());
  const emulated::Counters before = device.counters();
  for (const StagedWindow* window : {&first, &second}) {
    engine->stage(window->view());
    engine->score();
    engine->train();
  }
  EXPECT_EQ(device.counters().allocations, before.allocations);
  EXPECT_EQ(device.counters().synchronizing, before.synchronizing);
  engine->wait();
  engine->wait();
  EXPECT_EQ(device.counters().allocations, before.allocations);
  EXPECT_EQ(device.counters().synchronizing, before.synchronizing + 2);
}

TEST(CudaSteadyState, LeavesNothingBehind) {
  const emulated::EmulatedDevice device(emulated_settings(1));
  { train_windows(*small_engine(), 3); }
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);  // releases come in the order of the stream
  EXPECT_EQ(device.counters().live_allocations, 0U);
  EXPECT_EQ(device.counters().live_handles, 0U);
}

}  // namespace
}  // namespace millrace::test
