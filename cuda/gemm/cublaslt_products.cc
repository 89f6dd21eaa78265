#include "cuda/gemm/cublaslt_products.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <cuda_bf16.h>
#include <fmt/format.h>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cuda/buffer.h"
#include "cuda/gemm/cublaslt_handles.h"
#include "cuda/kernels/epilogues.h"

namespace millrace::cuda {
namespace {

// As many as are worth timing, of each way.
constexpr int kCandidates = 8;

// Parts of a sum that are added in place are added in an order of the timing's.
constexpr std::uint32_t kDeterministicReductions = CUBLASLT_REDUCTION_SCHEME_NONE |
                                                   CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE |
                                                   CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE;

cudaDataType element_type(MathMode math) { return math == MathMode::bf16 ? CUDA_R_16BF : CUDA_R_32F; }
cublasComputeType_t compute_type(MathMode math) {
  return math == MathMode::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

// d [m, n] = op(a) [m, k] · op(b) [k, n], column-major, each with as many rows as its leading dimension.
struct Matmul {
  std::uint32_t m, n, k;
  bool transpose_a, transpose_b;
  const void* a;
  const void* b;
  void* d;
  cudaDataType d_type;
  MathMode math;
};

struct Epilogue {
  cublasLtEpilogue_t kind = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;  // read, or written where the kind makes a bias gradient
  const void* mask = nullptr;
  std::int64_t mask_leading = 0;  // bits
};

std::string to_text(const cublasLtMatmulAlgo_t& algo) {
  std::string text;
  for (const std::uint64_t word : algo.data) fmt::format_to(std::back_inserter(text), "{:016x}", word);
  return text;
}

std::optional<cublasLtMatmulAlgo_t> algo_from(std::string_view text) {
  cublasLtMatmulAlgo_t algo{};
  constexpr std::size_t kDigits = 16;
  if (text.size() != std::size(algo.data) * kDigits) return std::nullopt;
  for (std::size_t i = 0; i < std::size(algo.data); ++i) {
    std::uint64_t word = 0;
    for (const char digit : text.substr(i * kDigits, kDigits)) {
      const std::size_t value = std::string_view("0123456789abcdef").find(digit);
      if (value == std::string_view::npos) return std::nullopt;
      word = word << 4 | value;
    }
    algo.data[i] = word;
  }
  return algo;
}

// One product with one epilogue, described to cuBLASLt; without an algorithm yet.
class Described {
 public:
  Described(const CublasLt& cublas, const Matmul& product, const Epilogue& epilogue)
      : cublas_(&cublas),
        product_(product),
        desc_(make_desc(cublas, compute_type(product.math))),
        a_(layout(product.transpose_a ? product.k : product.m, product.transpose_a ? product.m : product.k,
                  element_type(product.math))),
        b_(layout(product.transpose_b ? product.n : product.k, product.transpose_b ? product.k : product.n,
                  element_type(product.math))),
        d_(layout(product.m, product.n, product.d_type)) {
    set(cublas, desc_, CUBLASLT_MATMUL_DESC_TRANSA, product.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(cublas, desc_, CUBLASLT_MATMUL_DESC_TRANSB, product.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(cublas, desc_, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue.kind);
    if (epilogue.bias != nullptr) set(cublas, desc_, CUBLASLT_MATMUL_DESC_BIAS_POINTER, epilogue.bias);
    if (epilogue.mask != nullptr) {
      set(cublas, desc_, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, epilogue.mask);
      set(cublas, desc_, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, epilogue.mask_leading);
    }
  }

  // What the library advises, best first; empty: it has nothing for this.
  [[nodiscard]] std::vector<cublasLtMatmulAlgo_t> candidates(const CublasLtContext& context, int wanted,
                                                             std::size_t workspace_bytes) const {
    const MatmulPreference preference = make_preference(*cublas_);
    set(*cublas_, preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{workspace_bytes});
    set(*cublas_, preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, kDeterministicReductions);
    std::vector<cublasLtMatmulHeuristicResult_t> results(static_cast<std::size_t>(wanted));
    int found = 0;
    const cublasStatus_t status =
        cublas_->algo_get_heuristic(context.view(), desc_.view(), a_.view(), b_.view(), d_.view(), d_.view(),
                                    preference.view(), wanted, results.data(), &found);
    if (status == CUBLAS_STATUS_NOT_SUPPORTED) return {};
    cublas_check(*cublas_, status, "cublasLtMatmulAlgoGetHeuristic");
    std::vector<cublasLtMatmulAlgo_t> algorithms;
    for (const auto& result : std::span(results).first(static_cast<std::size_t>(found))) {
      if (result.state == CUBLAS_STATUS_SUCCESS) algorithms.push_back(result.algo);
    }
    return algorithms;
  }

  [[nodiscard]] bool can_use(const CublasLtContext& context, const cublasLtMatmulAlgo_t& algo,
                             std::size_t workspace_bytes) const {
    cublasLtMatmulHeuristicResult_t result{};
    const cublasStatus_t status = cublas_->algo_check(context.view(), desc_.view(), a_.view(), b_.view(),
                                                      d_.view(), d_.view(), &algo, &result);
    return status == CUBLAS_STATUS_SUCCESS && result.workspaceSize <= workspace_bytes;
  }

  void run_async(const CublasLtContext& context, const cublasLtMatmulAlgo_t& algo,
                 std::span<std::byte> workspace, cudaStream_t stream) const {
    const float alpha = 1.0F;
    const float beta = 0.0F;
    MILLRACE_CUBLAS_CHECK(
        *cublas_, cublas_->matmul(context.view(), desc_.view(), &alpha, product_.a, a_.view(), product_.b,
                                  b_.view(), &beta, product_.d, d_.view(), product_.d, d_.view(), &algo,
                                  workspace.data(), workspace.size(), stream));
  }

 private:
  [[nodiscard]] MatrixLayout layout(std::uint32_t rows, std::uint32_t columns, cudaDataType type) const {
    return make_layout(*cublas_, type, rows, columns, rows);
  }

  const CublasLt* cublas_;
  Matmul product_;
  MatmulDesc desc_;
  MatrixLayout a_;
  MatrixLayout b_;
  MatrixLayout d_;
};

// A way to one result: a product with an epilogue, and what is left to do after it.
struct Way {
  const char* name;
  Epilogue epilogue;
  std::function<void(cudaStream_t)> afterwards;  // empty: nothing
};

// A product as cuBLASLt sees it, and the ways to it, the better first.
struct Ways {
  Matmul product;
  std::vector<Way> ways;
};

template <class T>
Ways ways_forward(const DenseLayer& layer, bool masks) {
  const DenseShape& shape = layer.shape;
  const DenseArrays arrays = layer.arrays;
  Epilogue bias_relu = {.kind = masks ? CUBLASLT_EPILOGUE_RELU_AUX_BIAS : CUBLASLT_EPILOGUE_RELU_BIAS,
                        .bias = arrays.bias};
  if (masks) {
    bias_relu.mask = arrays.output_mask;
    bias_relu.mask_leading = mask_bits(shape.outputs);
  }
  const auto own = [=, rows = RowsShape{shape.rows, shape.outputs}](cudaStream_t on) {
    bias_relu_async(rows, static_cast<T*>(arrays.output), static_cast<const T*>(arrays.bias),
                    masks ? static_cast<std::uint32_t*>(arrays.output_mask) : nullptr, on);
  };
  return {{.m = shape.outputs,
           .n = shape.rows,
           .k = shape.inputs,
           .transpose_a = false,
           .transpose_b = false,
           .a = arrays.weights,
           .b = arrays.input,
           .d = arrays.output,
           .d_type = element_type(shape.math),
           .math = shape.math},
          {Way{"fused", bias_relu, {}}, Way{"plain", {}, own}}};
}

template <class T>
Ways ways_to_data_gradient(const DenseLayer& layer, bool masks, bool bias_gradient) {
  const DenseShape& shape = layer.shape;
  const DenseArrays arrays = layer.arrays;
  const Epilogue relu = {.kind = bias_gradient ? CUBLASLT_EPILOGUE_DRELU_BGRAD : CUBLASLT_EPILOGUE_DRELU,
                         .bias = bias_gradient ? arrays.bias_gradient : nullptr,
                         .mask = arrays.output_mask,
                         .mask_leading = mask_bits(shape.outputs)};
  const auto own = [=, rows = RowsShape{shape.rows, shape.outputs}](cudaStream_t on) {
    mask_async(rows, static_cast<T*>(arrays.output_gradient),
               static_cast<const std::uint32_t*>(arrays.output_mask), on);
  };
  std::vector<Way> ways;
  // By the mask alone; and it writes the bias gradient in the elements of dy, which are to be float32.
  if (masks && (!bias_gradient || shape.math != MathMode::bf16)) ways.push_back({"fused", relu, {}});
  if (masks && !bias_gradient) ways.push_back({"plain", {}, own});
  return {{.m = shape.outputs,
           .n = shape.rows,
           .k = shape.above,
           .transpose_a = true,
           .transpose_b = false,
           .a = arrays.weights_above,
           .b = arrays.gradient_above,
           .d = arrays.output_gradient,
           .d_type = element_type(shape.math),
           .math = shape.math},
          std::move(ways)};
}

template <class T>
Ways ways_to_weight_gradient(const DenseLayer& layer, bool bias_gradient) {
  const DenseShape& shape = layer.shape;
  const DenseArrays arrays = layer.arrays;
  const auto own = [=, rows = RowsShape{shape.rows, shape.outputs}](cudaStream_t on) {
    column_sums_async(rows, static_cast<const T*>(arrays.output_gradient), arrays.bias_gradient, on);
  };
  std::vector<Way> ways = {Way{"plain", {}, {}}};
  if (bias_gradient) {
    ways = {Way{"fused", {.kind = CUBLASLT_EPILOGUE_BGRADA, .bias = arrays.bias_gradient}, {}},
            Way{"plain", {}, own}};
  }
  return {{.m = shape.outputs,
           .n = shape.inputs,
           .k = shape.rows,
           .transpose_a = false,
           .transpose_b = true,
           .a = arrays.output_gradient,
           .b = arrays.input,
           .d = arrays.weight_gradient,
           .d_type = CUDA_R_32F,
           .math = shape.math},
          std::move(ways)};
}

template <class T>
Ways ways_to(const DenseProduct& product, const DenseLayer& layer) {
  switch (product.kind) {
    case ProductKind::forward:
      return ways_forward<T>(layer, product.masks);
    case ProductKind::data_gradient:
      return ways_to_data_gradient<T>(layer, product.masks, product.bias_gradient);
    case ProductKind::weight_gradient:
      break;
  }
  return ways_to_weight_gradient<T>(layer, product.bias_gradient);
}

// What all products of a library share.
struct Shared {
  const CublasLt& cublas;
  CublasLtContext context;
  DeviceBuffer<std::byte> workspace;
};

class CublasLtProduct final : public Product {
 public:
  CublasLtProduct(const Shared& shared, Described described, const cublasLtMatmulAlgo_t& algo,
                  std::function<void(cudaStream_t)> afterwards)
      : shared_(shared), described_(std::move(described)), algo_(algo), afterwards_(std::move(afterwards)) {}

  void run_async(cudaStream_t stream) const override {
    described_.run_async(shared_.context, algo_, shared_.workspace.view(), stream);
    if (afterwards_) afterwards_(stream);
  }

 private:
  const Shared& shared_;
  Described described_;
  cublasLtMatmulAlgo_t algo_;
  std::function<void(cudaStream_t)> afterwards_;
};

class CublasLtLibrary final : public ProductLibrary {
 public:
  CublasLtLibrary(const CublasLt& cublas, const CublasLtSettings& settings, cudaStream_t stream)
      : shared_{cublas, make_context(cublas), DeviceBuffer<std::byte>(settings.workspace_bytes, stream)},
        version_(std::to_string(cublas.get_version())) {}

  std::string_view name() const override { return "cublaslt"; }
  std::string version() const override { return version_; }

  // Fused before plain.
  std::vector<Candidate> candidates(const DenseProduct& product, const DenseLayer& layer, Advice advice,
                                    cudaStream_t /*stream*/) override {
    std::vector<Candidate> found;
    const Ways all = ways_of(product, layer);
    for (const Way& way : all.ways) {
      const auto algorithms = Described(shared_.cublas, all.product, way.epilogue)
                                  .candidates(shared_.context, advice == Advice::best ? 1 : kCandidates,
                                              shared_.workspace.size());
      for (const cublasLtMatmulAlgo_t& algo : algorithms) {
        found.push_back({fmt::format("{}:{}", way.name, to_text(algo)),
                         planned(Described(shared_.cublas, all.product, way.epilogue), algo, way)});
      }
      if (advice == Advice::best && !found.empty()) break;
    }
    return found;
  }

  std::unique_ptr<Product> by(std::string_view algorithm, const DenseProduct& product,
                              const DenseLayer& layer, cudaStream_t /*stream*/) override {
    const std::size_t colon = algorithm.find(':');
    if (colon == std::string_view::npos) return nullptr;
    const auto algo = algo_from(algorithm.substr(colon + 1));
    const Ways all = ways_of(product, layer);
    const auto way = std::ranges::find_if(
        all.ways, [&](const Way& one) { return algorithm.substr(0, colon) == one.name; });
    if (!algo || way == all.ways.end()) return nullptr;
    Described described(shared_.cublas, all.product, way->epilogue);
    if (!described.can_use(shared_.context, *algo, shared_.workspace.size())) return nullptr;
    return planned(std::move(described), *algo, *way);
  }

 private:
  static Ways ways_of(const DenseProduct& product, const DenseLayer& layer) {
    return layer.shape.math == MathMode::bf16 ? ways_to<__nv_bfloat16>(product, layer)
                                              : ways_to<float>(product, layer);
  }

  std::unique_ptr<Product> planned(Described described, const cublasLtMatmulAlgo_t& algo,
                                   const Way& way) const {
    return std::make_unique<CublasLtProduct>(shared_, std::move(described), algo, way.afterwards);
  }

  const Shared shared_;
  const std::string version_;
};

}  // namespace

std::unique_ptr<ProductLibrary> make_cublaslt_products(const CublasLt& cublas,
                                                       const CublasLtSettings& settings,
                                                       cudaStream_t stream) {
  return std::make_unique<CublasLtLibrary>(cublas, settings, stream);
}

}  // namespace millrace::cuda
