// Counts what the engine allocates, by a replaced operator new.
#include <atomic>
#include <cstdlib>
#include <gtest/gtest.h>
#include <new>

#include "engine/cpu_engine.h"
#include "support/sample_window.h"

namespace {

std::atomic<bool> counting{false};
std::atomic<std::size_t> allocations{0};

void* counted(std::size_t bytes, std::size_t alignment) {
  if (counting) ++allocations;
  void* memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

constexpr std::size_t kUsual = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

}  // namespace

void* operator new(std::size_t bytes) { return counted(bytes, kUsual); }
void* operator new[](std::size_t bytes) { return counted(bytes, kUsual); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace millrace {
namespace {

std::size_t allocations_of_window(Engine& engine, const test::SampleWindow& window) {
  allocations = 0;
  counting = true;
  engine.stage(window.view());
  engine.score();
  engine.train();
  engine.wait();
  counting = false;
  return allocations;
}

TEST(Allocations, AreSeenByThisTest) {
  counting = true;
  allocations = 0;
  auto* const volatile seen = new int(1);
  counting = false;
  delete seen;
  EXPECT_EQ(allocations, 1U);
}

std::size_t allocations_of_training(int threads, std::uint32_t batch) {
  constexpr std::uint32_t kLongestWindow = 419;
  TrainingSettings settings;
  settings.batch = batch;
  settings.standardize = true;
  settings.epochs = 2;
  const auto engine = make_cpu_engine({{9, 128, 256, 128, 1}}, settings, kLongestWindow, threads);
  std::size_t made = 0;
  // From the first window on, and for batches of several sizes.
  for (const std::uint32_t rows : {kLongestWindow, kLongestWindow * 3 / 4, 1U}) {
    made += allocations_of_window(*engine, test::SampleWindow(rows, rows, 9, 0.1));
  }
  return made;
}

TEST(Allocations, AWindowAndItsStepsMakeNone) {
  for (const int threads : {1, 2}) {
    EXPECT_EQ(allocations_of_training(threads, 32), 0U);
    EXPECT_EQ(allocations_of_training(threads, 200), 0U);
  }
}

}  // namespace
}  // namespace millrace
