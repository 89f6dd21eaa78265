// Finds and opens cuDNN, for its C functions and for NVIDIA's frontend, which looks its own up.
#pragma once

#include "millrace/cuda_engine.h"

#include "cuda/library/cudnn.h"
#include "cuda/library/open_cublaslt.h"
#include "cuda/library/shared_library.h"

namespace millrace::cuda {

struct CudnnOpening {
  const Cudnn* table;   // null: it cannot be used, and `library` says why
  CudaLibrary library;  // with an empty version if there is no table
};

// Opens once, after cuBLASLt, and keeps the library to the end of the process; any thread.
[[nodiscard]] const CudnnOpening& open_cudnn();

// Looks in the loader's path and in `places`, each time anew; what it opens stays open, and the frontend uses
// what was opened first. `cublaslt` is there because cuDNN ends the process where it does not find cuBLASLt:
// without that, this one cannot be used either.
[[nodiscard]] CudnnOpening open_cudnn_from(const LibraryPlaces& places, const CublasLtOpening& cublaslt);

}  // namespace millrace::cuda
