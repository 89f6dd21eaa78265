// cuBLASLt for the emulated device: a reference implementation behind the library's own C functions. What the
// descriptors say is what is computed (column-major), on the stream, by the device's rules.
//
// Invariants: (1) algorithms compute the same mathematics and sum over k in different orders, so that a wrong
// one shows in the bits; each gives the same bits every time; (2) an algorithm works with the library
// version, compute type and data types that it was made for, and with no other; (3) a call that is told to
// fail (EmulatedDevice::fail_call by its C name, "cublasLtMatmul" say) returns CUBLAS_STATUS_ALLOC_FAILED for
// cudaErrorMemoryAllocation, _INVALID_VALUE for cudaErrorInvalidValue, _NOT_SUPPORTED for
// cudaErrorNotSupported, _NOT_INITIALIZED for errors of driver and device, and _EXECUTION_FAILED otherwise.
// Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cublasLt.h>
#include <map>
#include <optional>
#include <set>

#include "cuda/library/cublaslt.h"

namespace millrace::emulated {

[[nodiscard]] const cuda::CublasLt& emulated_cublaslt();

// How the library behaves on the device that exists; a new device has the defaults.
struct CublasLtBehaviour {
  std::size_t version = CUBLAS_VERSION;  // algorithms of another version are refused
  // cublasLtEpilogue_t: no algorithm has them.
  std::set<std::uint32_t> refused_epilogues;
  // Numbers of algorithms: neither offered nor run, as if another device had chosen them.
  std::set<unsigned> refused_algorithms;
  // By cublasLtEpilogue_t: how much longer products with it take on the device's clock, in microseconds.
  std::map<std::uint32_t, double> extra_us;
  // Where no algorithm fits, the heuristic says success and returns none, instead of
  // CUBLAS_STATUS_NOT_SUPPORTED.
  bool silent_refusal = false;
};

// Throws std::logic_error where no device exists.
void set_cublaslt_behaviour(const CublasLtBehaviour& behaviour);

// 0, 1, …, in the order in which the heuristic offers them (kCublasLtAlgorithms in all); nothing for bytes
// that are no algorithm of this library.
inline constexpr unsigned kCublasLtAlgorithms = 4;
[[nodiscard]] std::optional<unsigned> algorithm_number(const cublasLtMatmulAlgo_t& algorithm);

}  // namespace millrace::emulated
