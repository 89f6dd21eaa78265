// A libcublasLt.so.13 that only knows its version and the names of its functions.
#include <cstddef>

extern "C" {
std::size_t cublasLtGetVersion() { return MILLRACE_FAKE_VERSION; }
void cublasLtCreate() {}
void cublasLtDestroy() {}
void cublasLtGetStatusName() {}
void cublasLtMatmulDescCreate() {}
void cublasLtMatmulDescDestroy() {}
void cublasLtMatmulDescSetAttribute() {}
void cublasLtMatrixLayoutCreate() {}
void cublasLtMatrixLayoutDestroy() {}
void cublasLtMatmulPreferenceCreate() {}
void cublasLtMatmulPreferenceDestroy() {}
void cublasLtMatmulPreferenceSetAttribute() {}
void cublasLtMatmulAlgoGetHeuristic() {}
#if MILLRACE_FAKE_WHOLE
void cublasLtMatmulAlgoCheck() {}
#endif
void cublasLtMatmul() {}
}
