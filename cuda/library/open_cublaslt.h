// Finds and opens cuBLASLt. The emulated device puts its own here, with a reference implementation.
#pragma once

#include "millrace/cuda_engine.h"

#include "cuda/library/cublaslt.h"
#include "cuda/library/shared_library.h"

namespace millrace::cuda {

struct CublasLtOpening {
  const CublasLt* table;  // null: it cannot be used, and `library` says why
  CudaLibrary library;    // with an empty version if there is no table
};

// Opens once and keeps the library to the end of the process; any thread.
[[nodiscard]] const CublasLtOpening& open_cublaslt();

// Looks in the loader's path and in `places`, each time anew. What it opens stays open.
[[nodiscard]] CublasLtOpening open_cublaslt_from(const LibraryPlaces& places);

}  // namespace millrace::cuda
