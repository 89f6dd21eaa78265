#define MILLRACE_KERNELS kernels_avx512_bf16
#define MILLRACE_KERNELS_NAME "avx512_bf16"
#define MILLRACE_BF16
#include "engine/vector_kernels_body.h"
