#include "support/emulated_device/cublaslt.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "support/emulated_device/cublaslt_product.h"
#include "support/emulated_device/device.h"

namespace millrace::emulated {
namespace {

using Kind = Device::CallKind;

// What the library's opaque handles point to.
struct Context {};

struct Layout {
  cudaDataType type;
  std::uint64_t rows;
  std::uint64_t columns;
  std::int64_t leading;
};

struct Operation {
  std::int32_t compute_type = 0;
  std::int32_t scale_type = 0;
  std::int32_t pointer_mode = CUBLASLT_POINTER_MODE_HOST;
  std::int32_t transpose_a = CUBLAS_OP_N;
  std::int32_t transpose_b = CUBLAS_OP_N;
  std::int32_t transpose_c = CUBLAS_OP_N;
  std::int32_t fill_mode = CUBLAS_FILL_MODE_FULL;
  std::uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  void* bias = nullptr;
  std::int32_t bias_type = -1;
  void* mask = nullptr;
  std::int64_t mask_leading = 0;
  std::int32_t mask_type = -1;
  std::int32_t multiprocessors = 0;
};

struct Preference {
  std::uint32_t search_mode = CUBLASLT_SEARCH_BEST_FIT;
  std::uint64_t workspace_bytes = 0;
  std::uint32_t reduction_schemes = CUBLASLT_REDUCTION_SCHEME_MASK;
  std::array<std::uint32_t, 4> alignments = {256, 256, 256, 256};  // a, b, c, d
  float waves = 0;
  std::uint64_t implementations = ~std::uint64_t{0};
};

// In the order in which the heuristic offers them.
struct Algorithm {
  Summation summation;
  std::uint32_t scheme;
  std::size_t alignment;  // of matrices and vectors, and of the bytes from column to column
};
constexpr std::array<Algorithm, kCublasLtAlgorithms> kAlgorithms = {{
    {Summation::halves, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE, 16},
    {Summation::sequential, CUBLASLT_REDUCTION_SCHEME_NONE, 16},
    {Summation::in_place, CUBLASLT_REDUCTION_SCHEME_INPLACE, 16},
    {Summation::interleaved, CUBLASLT_REDUCTION_SCHEME_NONE, 1},
}};

constexpr std::size_t kWorkspaceAlignment = 256;
constexpr std::uint64_t kAlgorithmMark = 0x6d696c6c72616365;
constexpr std::uint64_t kMostRows = 0x7fffffff;

std::size_t workspace_of(const Algorithm& algorithm, const Product& product) {
  switch (algorithm.summation) {
    case Summation::halves:
      return 2 * product.m * product.n * sizeof(float);
    case Summation::in_place:
      return (product.m + 63) / 64 * ((product.n + 63) / 64) *
             sizeof(std::int32_t);  // a counter for each tile
    default:
      return 0;
  }
}

// --- handles

template <class Object>
std::map<const void*, std::unique_ptr<Object>>& all() {
  static std::map<const void*, std::unique_ptr<Object>> objects;
  return objects;
}

template <class Object>
Object* find(const void* handle) {
  const auto found = all<Object>().find(handle);
  return found == all<Object>().end() ? nullptr : found->second.get();
}

cublasStatus_t status_of(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return CUBLAS_STATUS_SUCCESS;
    case cudaErrorMemoryAllocation:
      return CUBLAS_STATUS_ALLOC_FAILED;
    case cudaErrorInvalidValue:
      return CUBLAS_STATUS_INVALID_VALUE;
    case cudaErrorNotSupported:
      return CUBLAS_STATUS_NOT_SUPPORTED;
    case cudaErrorInitializationError:
    case cudaErrorInsufficientDriver:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorNoDevice:
      return CUBLAS_STATUS_NOT_INITIALIZED;
    default:
      return CUBLAS_STATUS_EXECUTION_FAILED;
  }
}

// Calls that need no device work without one, and on one that is lost.
cublasStatus_t count(const char* name) {
  return Device::current == nullptr ? CUBLAS_STATUS_SUCCESS
                                    : status_of(Device::current->count_call(name, Kind::plain));
}

template <class Object, class Handle>
cublasStatus_t keep(Handle* handle, const Object& object) {
  auto made = std::make_unique<Object>(object);
  *handle = reinterpret_cast<Handle>(made.get());
  if (Device::current != nullptr) Device::current->library_handles.insert(made.get());
  all<Object>().emplace(made.get(), std::move(made));
  return CUBLAS_STATUS_SUCCESS;
}

template <class Object, class Handle>
cublasStatus_t make(const char* name, Handle* handle, const Object& object) {
  const std::lock_guard lock(Device::mutex);
  if (const cublasStatus_t refused = count(name); refused != CUBLAS_STATUS_SUCCESS) return refused;
  return handle == nullptr ? CUBLAS_STATUS_INVALID_VALUE : keep(handle, object);
}

template <class Object>
cublasStatus_t drop(const char* name, const void* handle, cublasStatus_t unknown) {
  const std::lock_guard lock(Device::mutex);
  if (const cublasStatus_t refused = count(name); refused != CUBLAS_STATUS_SUCCESS) return refused;
  if (Device::current != nullptr) Device::current->library_handles.erase(handle);
  return all<Object>().erase(handle) == 1 ? CUBLAS_STATUS_SUCCESS : unknown;
}

cublasStatus_t create(cublasLtHandle_t* handle) {
  const std::lock_guard lock(Device::mutex);
  if (Device::current == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  const cudaError_t refused = Device::current->begin_call("cublasLtCreate", Kind::allocating);
  if (refused != cudaSuccess) {
    return refused == cudaErrorMemoryAllocation ? CUBLAS_STATUS_ALLOC_FAILED : CUBLAS_STATUS_NOT_INITIALIZED;
  }
  return handle == nullptr ? CUBLAS_STATUS_INVALID_VALUE : keep(handle, Context{});
}

cublasStatus_t destroy(cublasLtHandle_t handle) {
  return drop<Context>("cublasLtDestroy", handle, CUBLAS_STATUS_NOT_INITIALIZED);
}

std::size_t version() {
  return Device::current == nullptr ? CUBLAS_VERSION : Device::current->cublaslt.version;
}

std::size_t get_version() {
  const std::lock_guard lock(Device::mutex);
  static_cast<void>(count("cublasLtGetVersion"));
  return version();
}

const char* get_status_name(cublasStatus_t status) {
  switch (status) {
#define MILLRACE_NAME(name) \
  case name:                \
    return #name
    MILLRACE_NAME(CUBLAS_STATUS_SUCCESS);
    MILLRACE_NAME(CUBLAS_STATUS_NOT_INITIALIZED);
    MILLRACE_NAME(CUBLAS_STATUS_ALLOC_FAILED);
    MILLRACE_NAME(CUBLAS_STATUS_INVALID_VALUE);
    MILLRACE_NAME(CUBLAS_STATUS_ARCH_MISMATCH);
    MILLRACE_NAME(CUBLAS_STATUS_MAPPING_ERROR);
    MILLRACE_NAME(CUBLAS_STATUS_EXECUTION_FAILED);
    MILLRACE_NAME(CUBLAS_STATUS_INTERNAL_ERROR);
    MILLRACE_NAME(CUBLAS_STATUS_NOT_SUPPORTED);
    MILLRACE_NAME(CUBLAS_STATUS_LICENSE_ERROR);
#undef MILLRACE_NAME
  }
  return "CUBLAS_STATUS_UNKNOWN";
}

// --- descriptors

cublasStatus_t matmul_desc_create(cublasLtMatmulDesc_t* operation, cublasComputeType_t compute_type,
                                  cudaDataType_t scale_type) {
  return make("cublasLtMatmulDescCreate", operation,
              Operation{.compute_type = compute_type, .scale_type = scale_type});
}

cublasStatus_t matmul_desc_destroy(cublasLtMatmulDesc_t operation) {
  return drop<Operation>("cublasLtMatmulDescDestroy", operation, CUBLAS_STATUS_INVALID_VALUE);
}

template <class Value>
cublasStatus_t set(Value& value, const void* from, std::size_t bytes) {
  if (from == nullptr || bytes != sizeof value) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&value, from, sizeof value);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t matmul_desc_set_attribute(cublasLtMatmulDesc_t operation,
                                         cublasLtMatmulDescAttributes_t attribute, const void* from,
                                         std::size_t bytes) {
  const std::lock_guard lock(Device::mutex);
  if (const auto refused = count("cublasLtMatmulDescSetAttribute"); refused != CUBLAS_STATUS_SUCCESS) {
    return refused;
  }
  auto* its = find<Operation>(operation);
  if (its == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_COMPUTE_TYPE:
      return set(its->compute_type, from, bytes);
    case CUBLASLT_MATMUL_DESC_SCALE_TYPE:
      return set(its->scale_type, from, bytes);
    case CUBLASLT_MATMUL_DESC_POINTER_MODE:
      return set(its->pointer_mode, from, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return set(its->transpose_a, from, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return set(its->transpose_b, from, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSC:
      return set(its->transpose_c, from, bytes);
    case CUBLASLT_MATMUL_DESC_FILL_MODE:
      return set(its->fill_mode, from, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return set(its->epilogue, from, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return set(its->bias, from, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
      return set(its->bias_type, from, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER:
      return set(its->mask, from, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD:
      return set(its->mask_leading, from, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE:
      return set(its->mask_type, from, bytes);
    case CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET:
      return set(its->multiprocessors, from, bytes);
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t matrix_layout_create(cublasLtMatrixLayout_t* layout, cudaDataType type, std::uint64_t rows,
                                    std::uint64_t columns, std::int64_t leading) {
  return make("cublasLtMatrixLayoutCreate", layout, Layout{type, rows, columns, leading});
}

cublasStatus_t matrix_layout_destroy(cublasLtMatrixLayout_t layout) {
  return drop<Layout>("cublasLtMatrixLayoutDestroy", layout, CUBLAS_STATUS_INVALID_VALUE);
}

cublasStatus_t preference_create(cublasLtMatmulPreference_t* preference) {
  return make("cublasLtMatmulPreferenceCreate", preference, Preference{});
}

cublasStatus_t preference_destroy(cublasLtMatmulPreference_t preference) {
  return drop<Preference>("cublasLtMatmulPreferenceDestroy", preference, CUBLAS_STATUS_INVALID_VALUE);
}

cublasStatus_t preference_set_attribute(cublasLtMatmulPreference_t preference,
                                        cublasLtMatmulPreferenceAttributes_t attribute, const void* from,
                                        std::size_t bytes) {
  const std::lock_guard lock(Device::mutex);
  if (const auto refused = count("cublasLtMatmulPreferenceSetAttribute"); refused != CUBLAS_STATUS_SUCCESS) {
    return refused;
  }
  auto* its = find<Preference>(preference);
  if (its == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_SEARCH_MODE:
      return set(its->search_mode, from, bytes);
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return set(its->workspace_bytes, from, bytes);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
      return set(its->reduction_schemes, from, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
      return set(its->alignments[0], from, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
      return set(its->alignments[1], from, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
      return set(its->alignments[2], from, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      return set(its->alignments[3], from, bytes);
    case CUBLASLT_MATMUL_PREF_MAX_WAVES_COUNT:
      return set(its->waves, from, bytes);
    case CUBLASLT_MATMUL_PREF_IMPL_MASK:
      return set(its->implementations, from, bytes);
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}

// --- what the descriptors say

// A product without its memory, or why it cannot be computed.
struct Described {
  cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
  Product product;
  Operation operation;
};

bool is_element(cudaDataType type) { return type == CUDA_R_32F || type == CUDA_R_16BF; }

Matrix matrix_of(const Layout& layout) {
  return {layout.type == CUDA_R_32F ? ElementType::float32 : ElementType::bfloat16, layout.rows,
          layout.columns, static_cast<std::size_t>(layout.leading)};
}

bool is_transposition(std::int32_t value) {
  return value == CUBLAS_OP_N || value == CUBLAS_OP_T || value == CUBLAS_OP_C;
}

bool is_well_formed(const Layout& layout) {
  return layout.rows > 0 && layout.columns > 0 && layout.rows <= kMostRows && layout.columns <= kMostRows &&
         layout.leading >= static_cast<std::int64_t>(layout.rows);
}

cublasStatus_t describe_epilogue(const Operation& operation, Product& product) {
  switch (operation.epilogue) {
    case CUBLASLT_EPILOGUE_DEFAULT:
      return CUBLAS_STATUS_SUCCESS;
    case CUBLASLT_EPILOGUE_BGRADA:
      product.bias_gradient = Product::BiasGradient::of_a;
      break;
    case CUBLASLT_EPILOGUE_BGRADB:
      product.bias_gradient = Product::BiasGradient::of_b;
      break;
    case CUBLASLT_EPILOGUE_DRELU_BGRAD:
      product.bias_gradient = Product::BiasGradient::of_d;
      product.reads_mask = true;
      break;
    case CUBLASLT_EPILOGUE_DRELU:
      product.reads_mask = true;
      break;
    case CUBLASLT_EPILOGUE_BIAS:
    case CUBLASLT_EPILOGUE_RELU:
    case CUBLASLT_EPILOGUE_RELU_BIAS:
    case CUBLASLT_EPILOGUE_RELU_AUX:
    case CUBLASLT_EPILOGUE_RELU_AUX_BIAS:
      product.adds_bias = (operation.epilogue & CUBLASLT_EPILOGUE_BIAS) != 0;
      product.relu = (operation.epilogue & CUBLASLT_EPILOGUE_RELU) != 0;
      product.writes_mask = product.relu && (operation.epilogue & 128U) != 0;
      break;
    case CUBLASLT_EPILOGUE_GELU:
    case CUBLASLT_EPILOGUE_GELU_AUX:
    case CUBLASLT_EPILOGUE_GELU_BIAS:
    case CUBLASLT_EPILOGUE_GELU_AUX_BIAS:
    case CUBLASLT_EPILOGUE_DGELU:
    case CUBLASLT_EPILOGUE_DGELU_BGRAD:
      return CUBLAS_STATUS_NOT_SUPPORTED;
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (product.writes_mask || product.reads_mask) {
    if (operation.mask_leading <= 0 || operation.mask_leading % 128 != 0 ||
        operation.mask_leading < static_cast<std::int64_t>(product.m)) {
      return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (operation.mask_type != -1) return CUBLAS_STATUS_NOT_SUPPORTED;
    product.mask_leading = static_cast<std::size_t>(operation.mask_leading);
  }
  const std::int32_t d_type = product.d.type == ElementType::float32 ? CUDA_R_32F : CUDA_R_16BF;
  const bool has_bias = product.adds_bias || product.bias_gradient != Product::BiasGradient::none;
  return has_bias && operation.bias_type != -1 && operation.bias_type != d_type ? CUBLAS_STATUS_NOT_SUPPORTED
                                                                                : CUBLAS_STATUS_SUCCESS;
}

Described described(cublasLtMatmulDesc_t operation, cublasLtMatrixLayout_t a_layout,
                    cublasLtMatrixLayout_t b_layout, cublasLtMatrixLayout_t c_layout,
                    cublasLtMatrixLayout_t d_layout) {
  Described result;
  const auto refuse = [&](cublasStatus_t status) {
    result.status = status;
    return result;
  };
  const auto* its = find<Operation>(operation);
  const auto* a = find<Layout>(a_layout);
  const auto* b = find<Layout>(b_layout);
  const auto* c = find<Layout>(c_layout);
  const auto* d = find<Layout>(d_layout);
  if (its == nullptr || a == nullptr || b == nullptr || c == nullptr || d == nullptr) {
    return refuse(CUBLAS_STATUS_INVALID_VALUE);
  }
  result.operation = *its;
  if (!is_transposition(its->transpose_a) || !is_transposition(its->transpose_b)) {
    return refuse(CUBLAS_STATUS_INVALID_VALUE);
  }
  for (const Layout* layout : {a, b, c, d}) {
    if (!is_well_formed(*layout)) return refuse(CUBLAS_STATUS_INVALID_VALUE);
  }
  Product& product = result.product;
  product.transpose_a = its->transpose_a != CUBLAS_OP_N;
  product.transpose_b = its->transpose_b != CUBLAS_OP_N;
  product.m = product.transpose_a ? a->columns : a->rows;
  product.k = product.transpose_a ? a->rows : a->columns;
  product.n = product.transpose_b ? b->rows : b->columns;
  if ((product.transpose_b ? b->columns : b->rows) != product.k || d->rows != product.m ||
      d->columns != product.n || c->rows != product.m || c->columns != product.n) {
    return refuse(CUBLAS_STATUS_INVALID_VALUE);
  }
  const bool tf32 = its->compute_type == CUBLAS_COMPUTE_32F_FAST_TF32;
  const bool types = is_element(a->type) && a->type == b->type && is_element(d->type) && c->type == d->type &&
                     (a->type == CUDA_R_16BF || d->type == CUDA_R_32F) && (!tf32 || a->type == CUDA_R_32F);
  if (!types || (!tf32 && its->compute_type != CUBLAS_COMPUTE_32F) || its->scale_type != CUDA_R_32F ||
      its->pointer_mode != CUBLASLT_POINTER_MODE_HOST || its->transpose_c != CUBLAS_OP_N ||
      its->fill_mode != CUBLAS_FILL_MODE_FULL) {
    return refuse(CUBLAS_STATUS_NOT_SUPPORTED);
  }
  product.tf32 = tf32;
  product.a = matrix_of(*a);
  product.b = matrix_of(*b);
  product.c = matrix_of(*c);
  product.d = matrix_of(*d);
  if (const auto status = describe_epilogue(*its, product); status != CUBLAS_STATUS_SUCCESS) {
    return refuse(status);
  }
  if (Device::current != nullptr && Device::current->cublaslt.refused_epilogues.contains(its->epilogue)) {
    return refuse(CUBLAS_STATUS_NOT_SUPPORTED);
  }
  return result;
}

// --- algorithms

std::uint64_t types_word(const Product& product) {
  return std::uint64_t{1} << 32U | (product.tf32 ? 4U : 0U) |
         (product.a.type == ElementType::bfloat16 ? 2U : 0U) |
         (product.d.type == ElementType::bfloat16 ? 1U : 0U);
}

// Every word counts, so that bytes lost on the way through a file are noticed.
std::uint64_t seal_of(const cublasLtMatmulAlgo_t& algorithm) {
  std::uint64_t seal = kAlgorithmMark;
  for (std::size_t i = 0; i < 7; ++i) seal = (seal ^ algorithm.data[i]) * 0x9e3779b97f4a7c15U;
  return seal;
}

cublasLtMatmulAlgo_t encoded(unsigned number, const Product& product) {
  cublasLtMatmulAlgo_t result{};
  result.data[0] = kAlgorithmMark;
  result.data[1] = version();
  result.data[2] = number;
  result.data[3] = types_word(product);
  result.data[7] = seal_of(result);
  return result;
}

cublasStatus_t check(const cublasLtMatmulAlgo_t& algorithm, const Product& product) {
  const std::optional<unsigned> number = algorithm_number(algorithm);
  if (!number) return CUBLAS_STATUS_INVALID_VALUE;
  if (algorithm.data[1] != version()) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (algorithm.data[3] != types_word(product)) return CUBLAS_STATUS_INVALID_VALUE;
  return Device::current->cublaslt.refused_algorithms.contains(*number) ? CUBLAS_STATUS_NOT_SUPPORTED
                                                                        : CUBLAS_STATUS_SUCCESS;
}

bool divides(std::size_t alignment, const void* address) {
  return reinterpret_cast<std::uintptr_t>(address) % alignment == 0;
}

// What layouts and vectors say of it; a pointer that is not set yet is taken for an aligned one.
bool columns_aligned(const Algorithm& algorithm, const Described& call) {
  const Product& product = call.product;
  for (const Matrix* matrix : {&product.a, &product.b, &product.c, &product.d}) {
    if (matrix->leading * bytes_of(matrix->type) % algorithm.alignment != 0) return false;
  }
  const bool has_bias = product.adds_bias || product.bias_gradient != Product::BiasGradient::none;
  const bool has_mask = product.writes_mask || product.reads_mask;
  return (!has_bias || divides(algorithm.alignment, call.operation.bias)) &&
         (!has_mask || divides(algorithm.alignment, call.operation.mask));
}

std::uint64_t implementation_of(const Product& product) {
  if (product.a.type == ElementType::bfloat16) {
    return CUBLASLT_NUMERICAL_IMPL_FLAGS_HMMA | CUBLASLT_NUMERICAL_IMPL_FLAGS_ACCUMULATOR_32F |
           CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_16BF;
  }
  if (product.tf32) {
    return CUBLASLT_NUMERICAL_IMPL_FLAGS_HMMA | CUBLASLT_NUMERICAL_IMPL_FLAGS_ACCUMULATOR_32F |
           CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_TF32;
  }
  return CUBLASLT_NUMERICAL_IMPL_FLAGS_FMA | CUBLASLT_NUMERICAL_IMPL_FLAGS_ACCUMULATOR_32F |
         CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_32F;
}

bool fits(unsigned number, const Described& call, const Preference& preference) {
  const Algorithm& algorithm = kAlgorithms[number];
  const bool scheme = algorithm.scheme == CUBLASLT_REDUCTION_SCHEME_NONE ||
                      (preference.reduction_schemes & algorithm.scheme) != 0;
  const bool aligned = std::all_of(preference.alignments.begin(), preference.alignments.end(),
                                   [&](std::uint32_t bytes) { return bytes >= algorithm.alignment; });
  return scheme && aligned && columns_aligned(algorithm, call) &&
         (implementation_of(call.product) & ~preference.implementations) == 0 &&
         workspace_of(algorithm, call.product) <= preference.workspace_bytes &&
         !Device::current->cublaslt.refused_algorithms.contains(number);
}

cublasLtMatmulHeuristicResult_t result_for(const cublasLtMatmulAlgo_t& algorithm, unsigned number,
                                           const Product& product) {
  cublasLtMatmulHeuristicResult_t result{};
  result.algo = algorithm;
  result.workspaceSize = workspace_of(kAlgorithms[number], product);
  result.state = CUBLAS_STATUS_SUCCESS;
  result.wavesCount = 1;
  return result;
}

// The status of a call that needs the library's handle and the device.
cublasStatus_t begin(const char* name, cublasLtHandle_t handle, Kind kind) {
  if (Device::current == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (const cudaError_t refused = Device::current->begin_call(name, kind); refused != cudaSuccess) {
    return status_of(refused);
  }
  return find<Context>(handle) == nullptr ? CUBLAS_STATUS_NOT_INITIALIZED : CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t algo_get_heuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation,
                                  cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                  cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                  cublasLtMatmulPreference_t preference, int wanted,
                                  cublasLtMatmulHeuristicResult_t results[], int* found) {
  const std::lock_guard lock(Device::mutex);
  if (const auto refused = begin("cublasLtMatmulAlgoGetHeuristic", handle, Kind::plain);
      refused != CUBLAS_STATUS_SUCCESS) {
    return refused;
  }
  const auto* wishes = find<Preference>(preference);
  if (wishes == nullptr || wanted <= 0 || results == nullptr || found == nullptr) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  *found = 0;
  const bool silent = Device::current->cublaslt.silent_refusal;
  const Described call = described(operation, a, b, c, d);
  if (call.status == CUBLAS_STATUS_NOT_SUPPORTED && silent) return CUBLAS_STATUS_SUCCESS;
  if (call.status != CUBLAS_STATUS_SUCCESS) return call.status;
  if (wishes->search_mode != CUBLASLT_SEARCH_BEST_FIT) return CUBLAS_STATUS_NOT_SUPPORTED;
  for (unsigned number = 0; number < kCublasLtAlgorithms && *found < wanted; ++number) {
    if (!fits(number, call, *wishes)) continue;
    results[(*found)++] = result_for(encoded(number, call.product), number, call.product);
  }
  return *found > 0 || silent ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t algo_check(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation, cublasLtMatrixLayout_t a,
                          cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                          const cublasLtMatmulAlgo_t* algorithm, cublasLtMatmulHeuristicResult_t* result) {
  const std::lock_guard lock(Device::mutex);
  if (const auto refused = begin("cublasLtMatmulAlgoCheck", handle, Kind::plain);
      refused != CUBLAS_STATUS_SUCCESS) {
    return refused;
  }
  if (algorithm == nullptr || result == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  const Described call = described(operation, a, b, c, d);
  if (call.status != CUBLAS_STATUS_SUCCESS) return call.status;
  if (const auto refused = check(*algorithm, call.product); refused != CUBLAS_STATUS_SUCCESS) return refused;
  const unsigned number = *algorithm_number(*algorithm);
  if (!columns_aligned(kAlgorithms[number], call)) return CUBLAS_STATUS_NOT_SUPPORTED;
  const cublasLtMatmulAlgo_t kept = result->algo;
  *result = result_for(kept, number, call.product);
  return CUBLAS_STATUS_SUCCESS;
}

// --- the product

Range range_of(const char* name, const Matrix& matrix, const void* data) {
  const std::size_t element = bytes_of(matrix.type);
  return {name, data, matrix.rows * element, matrix.columns, matrix.leading * element};
}

Range range_of_vector(const char* name, const void* data, std::size_t bytes) {
  return {name, data, bytes, 1, bytes};
}

bool overlap(const Range& one, const Range& other) {
  const auto* first = static_cast<const std::byte*>(one.begin);
  const auto* second = static_cast<const std::byte*>(other.begin);
  const auto bytes = [](const Range& range) { return (range.rows - 1) * range.pitch + range.row_bytes; };
  if (first + bytes(one) <= second || second + bytes(other) <= first) return false;
  // Rows may lie in the gaps of the other's.
  for (std::size_t i = 0; i < one.rows; ++i) {
    for (std::size_t j = 0; j < other.rows; ++j) {
      const std::byte* a = first + i * one.pitch;
      const std::byte* b = second + j * other.pitch;
      if (a < b + other.row_bytes && b < a + one.row_bytes) return true;
    }
  }
  return false;
}

LibraryWork work_of(const Product& product, std::size_t workspace_bytes) {
  LibraryWork work;
  work.flops =
      2.0 * static_cast<double>(product.m) * static_cast<double>(product.n) * static_cast<double>(product.k);
  work.reads = {range_of("A", product.a, product.a_data), range_of("B", product.b, product.b_data)};
  work.writes = {range_of("D", product.d, product.d_data)};
  if (product.beta != 0) work.reads.push_back(range_of("C", product.c, product.c_data));
  const std::size_t element = bytes_of(product.d.type);
  if (product.adds_bias) work.reads.push_back(range_of_vector("bias", product.bias, product.m * element));
  if (product.bias_gradient != Product::BiasGradient::none) {
    const bool of_columns = product.bias_gradient == Product::BiasGradient::of_b;
    work.writes.push_back(
        range_of_vector("bias gradient", product.bias, (of_columns ? product.n : product.m) * element));
  }
  const Range mask{"ReLU mask", product.mask, (product.m + 7) / 8, product.n, product.mask_leading / 8};
  if (product.reads_mask) work.reads.push_back(mask);
  if (product.writes_mask) work.writes.push_back(mask);
  if (workspace_bytes > 0) {
    work.writes.push_back(range_of_vector("workspace", product.workspace, workspace_bytes));
  }
  work.compute = [product] { compute(product); };
  return work;
}

// Nothing that is written may be anything else too, but D may be C.
bool in_conflict(const LibraryWork& work, const Product& product) {
  for (std::size_t i = 0; i < work.writes.size(); ++i) {
    for (std::size_t j = i + 1; j < work.writes.size(); ++j) {
      if (overlap(work.writes[i], work.writes[j])) return true;
    }
    for (const Range& read : work.reads) {
      const bool in_place = i == 0 && read.begin == product.d_data && read.begin == product.c_data &&
                            read.pitch == work.writes[0].pitch;
      if (!in_place && overlap(work.writes[i], read)) return true;
    }
  }
  return false;
}

cublasStatus_t matmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation, const void* alpha,
                      const void* a_data, cublasLtMatrixLayout_t a, const void* b_data,
                      cublasLtMatrixLayout_t b, const void* beta, const void* c_data,
                      cublasLtMatrixLayout_t c, void* d_data, cublasLtMatrixLayout_t d,
                      const cublasLtMatmulAlgo_t* algorithm, void* workspace, std::size_t workspace_bytes,
                      cudaStream_t stream) {
  constexpr const char* kName = "cublasLtMatmul";
  const std::lock_guard lock(Device::mutex);
  if (const auto refused = begin(kName, handle, Kind::enqueuing); refused != CUBLAS_STATUS_SUCCESS) {
    return refused;
  }
  Device& device = *Device::current;
  Described call = described(operation, a, b, c, d);
  if (call.status != CUBLAS_STATUS_SUCCESS) return call.status;
  Product& product = call.product;
  product.a_data = a_data;
  product.b_data = b_data;
  product.c_data = c_data;
  product.d_data = d_data;
  product.bias = call.operation.bias;
  product.mask = static_cast<std::uint8_t*>(call.operation.mask);
  product.workspace = static_cast<float*>(workspace);
  const bool has_bias = product.adds_bias || product.bias_gradient != Product::BiasGradient::none;
  const bool has_mask = product.writes_mask || product.reads_mask;
  if (alpha == nullptr || beta == nullptr || a_data == nullptr || b_data == nullptr || c_data == nullptr ||
      d_data == nullptr || (has_bias && product.bias == nullptr) || (has_mask && product.mask == nullptr) ||
      (c_data == d_data && product.c.leading != product.d.leading)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  std::memcpy(&product.alpha, alpha, sizeof product.alpha);
  std::memcpy(&product.beta, beta, sizeof product.beta);

  unsigned number = 0;
  if (algorithm != nullptr) {
    if (const auto refused = check(*algorithm, product); refused != CUBLAS_STATUS_SUCCESS) return refused;
    number = *algorithm_number(*algorithm);
  } else {  // the heuristic with its default preference: no workspace
    while (number < kCublasLtAlgorithms && !fits(number, call, Preference{})) ++number;
    if (number == kCublasLtAlgorithms) return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  product.summation = kAlgorithms[number].summation;
  const std::size_t alignment = kAlgorithms[number].alignment;
  const std::array<const void*, 4> matrices = {a_data, b_data, c_data, d_data};
  if (!columns_aligned(kAlgorithms[number], call) ||
      !std::all_of(matrices.begin(), matrices.end(),
                   [&](const void* at) { return divides(alignment, at); })) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  const std::size_t needed = workspace_of(kAlgorithms[number], product);
  if (needed > 0 &&
      (workspace == nullptr || workspace_bytes < needed || !divides(kWorkspaceAlignment, workspace))) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  LibraryWork work = work_of(product, needed);
  const auto& extra_us = device.cublaslt.extra_us;
  if (const auto extra = extra_us.find(call.operation.epilogue); extra != extra_us.end()) {
    work.extra_us = extra->second;
  }
  if (in_conflict(work, product)) return CUBLAS_STATUS_INVALID_VALUE;
  cudaError_t error = cudaSuccess;
  Stream* its = device.stream_of(stream, kName, error);
  if (its == nullptr) return status_of(error);
  device.enqueue_library(kName, std::move(work), *its);
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

const cuda::CublasLt& emulated_cublaslt() {
  static const cuda::CublasLt table{
      .create = create,
      .destroy = destroy,
      .get_version = get_version,
      .get_status_name = get_status_name,
      .matmul_desc_create = matmul_desc_create,
      .matmul_desc_destroy = matmul_desc_destroy,
      .matmul_desc_set_attribute = matmul_desc_set_attribute,
      .matrix_layout_create = matrix_layout_create,
      .matrix_layout_destroy = matrix_layout_destroy,
      .preference_create = preference_create,
      .preference_destroy = preference_destroy,
      .preference_set_attribute = preference_set_attribute,
      .algo_get_heuristic = algo_get_heuristic,
      .algo_check = algo_check,
      .matmul = matmul,
  };
  return table;
}

void set_cublaslt_behaviour(const CublasLtBehaviour& behaviour) {
  const std::lock_guard lock(Device::mutex);
  if (Device::current == nullptr) throw std::logic_error("no emulated device exists");
  Device::current->cublaslt = behaviour;
}

std::optional<unsigned> algorithm_number(const cublasLtMatmulAlgo_t& algorithm) {
  const bool known = algorithm.data[0] == kAlgorithmMark && algorithm.data[2] < kCublasLtAlgorithms &&
                     algorithm.data[7] == seal_of(algorithm);
  return known ? std::optional(static_cast<unsigned>(algorithm.data[2])) : std::nullopt;
}

}  // namespace millrace::emulated
