// Counts what the engine allocates, by a replaced operator new. oneDNN builds a small map in each call; what
// its library asks for is left out.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <new>

#include "engine/cpu_engine.h"
#include "support/sample_window.h"

namespace {

std::atomic<bool> counting{false};
std::atomic<std::size_t> allocations{0};

bool lies_in_onednn(void* code) {
  Dl_info where;
  return dladdr(code, &where) != 0 && where.dli_fname != nullptr &&
         std::strstr(where.dli_fname, "libdnnl") != nullptr;
}

void* counted(std::size_t bytes, std::size_t alignment, void* caller) {
  if (counting && !lies_in_onednn(caller)) ++allocations;
  void* memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

constexpr std::size_t kUsual = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

}  // namespace

void* operator new(std::size_t bytes) { return counted(bytes, kUsual, __builtin_return_address(0)); }
void* operator new[](std::size_t bytes) { return counted(bytes, kUsual, __builtin_return_address(0)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment), __builtin_return_address(0));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment), __builtin_return_address(0));
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

std::size_t allocations_of_training(int threads, std::uint32_t longest_window) {
  TrainingSettings settings;
  settings.standardize = true;
  settings.epochs = 2;
  const auto engine = make_cpu_engine({{9, 128, 256, 128, 1}}, settings, longest_window, threads);
  std::size_t made = 0;
  // From the first window on, and for batches of several sizes.
  for (const std::uint32_t rows : {longest_window, longest_window * 3 / 4, 1U}) {
    made += allocations_of_window(*engine, test::SampleWindow(rows, rows, 9, 0.1));
  }
  return made;
}

TEST(Allocations, AWindowAndItsStepsMakeNone) {
  EXPECT_EQ(allocations_of_training(1, 419), 0U);
  EXPECT_EQ(allocations_of_training(2, 60), 0U);
}

}  // namespace
}  // namespace millrace
