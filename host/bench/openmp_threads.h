// How many threads oneDNN has: OpenMP's, in a number that is fixed for a while.
#pragma once

// From <omp.h>, which a compiler can read only where it brings its own.
extern "C" {
int omp_get_max_threads() noexcept;
void omp_set_num_threads(int threads) noexcept;
int omp_get_dynamic() noexcept;
void omp_set_dynamic(int dynamic) noexcept;
}

namespace millrace {

// While one lives, parallel regions that the calling thread opens have `threads` threads.
class OpenMpThreads {
 public:
  explicit OpenMpThreads(int threads) : before_(omp_get_max_threads()), dynamic_before_(omp_get_dynamic()) {
    omp_set_dynamic(0);
    omp_set_num_threads(threads);
  }
  ~OpenMpThreads() {
    omp_set_num_threads(before_);
    omp_set_dynamic(dynamic_before_);
  }
  OpenMpThreads(const OpenMpThreads&) = delete;
  OpenMpThreads& operator=(const OpenMpThreads&) = delete;

 private:
  int before_;
  int dynamic_before_;
};

}  // namespace millrace
