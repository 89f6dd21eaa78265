#define MILLRACE_KERNELS kernels_baseline
#define MILLRACE_KERNELS_NAME "baseline"
#include "engine/vector_kernels_body.h"
