// Owns floats that are aligned for the widest vectors and zero at first. Move-only; frees with delete.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>

namespace millrace {

class FloatBuffer {
 public:
  // `stagger` moves the first float on by that many cache lines from the start of a page. Arrays that are
  // walked together get different ones: at equal addresses within a page, a load waits for stores to the
  // others.
  explicit FloatBuffer(std::size_t count, std::size_t stagger = 0)
      : memory_(new(std::align_val_t{kPage}) float[count + stagger * kLineFloats]()),
        first_(memory_.get() + stagger * kLineFloats),
        count_(count) {}

  [[nodiscard]] float* data() const { return first_; }
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] std::span<float> span() const { return {first_, count_}; }

 private:
  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kLineFloats = 16;
  struct Free {
    void operator()(float* memory) const { ::operator delete[](memory, std::align_val_t{kPage}); }
  };
  std::unique_ptr<float[], Free> memory_;
  float* first_;
  std::size_t count_;
};

}  // namespace millrace
