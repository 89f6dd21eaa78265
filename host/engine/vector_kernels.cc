#include "engine/vector_kernels.h"

#include <vector>

namespace millrace {

namespace kernels_baseline {
extern const VectorKernels kKernels;
}
#ifdef MILLRACE_X86_KERNELS
namespace kernels_avx2 {
extern const VectorKernels kKernels;
}
namespace kernels_avx512 {
extern const VectorKernels kKernels;
}
namespace kernels_avx512_bf16 {
extern const VectorKernels kKernels;
}
#endif

#ifdef MILLRACE_X86_KERNELS
namespace {

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
         __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0;
}

}  // namespace
#endif

std::span<const VectorKernels* const> runnable_vector_kernels() {
  static const std::vector<const VectorKernels*> runnable = [] {
    std::vector<const VectorKernels*> sets;
#ifdef MILLRACE_X86_KERNELS
    if (has_avx512()) sets.push_back(&kernels_avx512::kKernels);
    if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) {
      sets.push_back(&kernels_avx2::kKernels);
    }
#endif
    sets.push_back(&kernels_baseline::kKernels);
    return sets;
  }();
  return runnable;
}

const VectorKernels* bf16_kernels() {
#ifdef MILLRACE_X86_KERNELS
  if (has_avx512() && __builtin_cpu_supports("avx512bf16") != 0) return &kernels_avx512_bf16::kKernels;
#endif
  return nullptr;
}

const VectorKernels& vector_kernels() { return *runnable_vector_kernels().front(); }

}  // namespace millrace
