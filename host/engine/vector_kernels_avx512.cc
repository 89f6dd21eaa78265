#define MILLRACE_KERNELS kernels_avx512
#define MILLRACE_KERNELS_NAME "avx512"
#include "engine/vector_kernels_body.h"
