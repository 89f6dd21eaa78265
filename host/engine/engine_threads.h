// The threads of the CPU engine: OpenMP's, which oneDNN uses too, in a number that is fixed.
#pragma once

#include <algorithm>
#include <cstddef>

// From <omp.h>, which a compiler can read only where it brings its own.
extern "C" {
int omp_get_max_threads() noexcept;
void omp_set_num_threads(int threads) noexcept;
int omp_get_dynamic() noexcept;
void omp_set_dynamic(int dynamic) noexcept;
}

namespace millrace {

// While one lives, parallel regions that the calling thread opens have `threads` threads.
class EngineThreads {
 public:
  explicit EngineThreads(int threads) : before_(omp_get_max_threads()), dynamic_before_(omp_get_dynamic()) {
    omp_set_dynamic(0);
    omp_set_num_threads(threads);
  }
  ~EngineThreads() {
    omp_set_num_threads(before_);
    omp_set_dynamic(dynamic_before_);
  }
  EngineThreads(const EngineThreads&) = delete;
  EngineThreads& operator=(const EngineThreads&) = delete;

 private:
  int before_;
  int dynamic_before_;
};

// Calls work(begin, end) for equal parts of [0, count), a part a thread, none smaller than `least` unless it
// is the only one. Parts begin at multiples of 16. For work whose result does not depend on how it is cut.
template <class Work>
void in_parts(std::size_t count, std::size_t least, const Work& work) {
  constexpr std::size_t kAlign = 16;
  const auto threads = static_cast<std::size_t>(omp_get_max_threads());
  const std::size_t parts = std::clamp<std::size_t>(count / least, 1, threads);
  if (parts == 1) return work(std::size_t{0}, count);
  const std::size_t part = (count + parts * kAlign - 1) / (parts * kAlign) * kAlign;
#pragma omp parallel for num_threads(static_cast<int>(parts)) schedule(static, 1)
  for (std::size_t i = 0; i < parts; ++i) work(std::min(i * part, count), std::min((i + 1) * part, count));
}

}  // namespace millrace
