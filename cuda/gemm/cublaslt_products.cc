#include "cuda/gemm/cublaslt_products.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <cuda_bf16.h>
#include <fmt/format.h>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/errors.h"

#include "cuda/buffer.h"
#include "cuda/check.h"
#include "cuda/gemm/cublaslt_handles.h"
#include "cuda/kernels/epilogues.h"
#include "cuda/stream.h"

namespace millrace::cuda {
namespace {

// As many candidates as the library is asked for when they are timed.
constexpr int kCandidates = 8;
constexpr int kTimedRuns = 5;

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
  const char* name;
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

// A product that is ready to run.
class Planned {
 public:
  Planned(Described described, const cublasLtMatmulAlgo_t& algo, std::function<void(cudaStream_t)> afterwards)
      : described_(std::move(described)), algo_(algo), afterwards_(std::move(afterwards)) {}

  void run_async(const CublasLtContext& context, std::span<std::byte> workspace, cudaStream_t stream) const {
    described_.run_async(context, algo_, workspace, stream);
    if (afterwards_) afterwards_(stream);
  }

 private:
  Described described_;
  cublasLtMatmulAlgo_t algo_;
  std::function<void(cudaStream_t)> afterwards_;
};

// What all products of a library share.
struct Shared {
  const CublasLt& cublas;
  CublasLtSettings settings;
  CublasLtContext context;
  DeviceBuffer<std::byte> workspace;
};

class CublasLtProducts final : public DenseProducts {
 public:
  CublasLtProducts(const Shared& shared, Planned forward, std::optional<Planned> weight_gradient,
                   std::optional<Planned> data_gradient)
      : shared_(shared),
        forward_(std::move(forward)),
        weight_gradient_(std::move(weight_gradient)),
        data_gradient_(std::move(data_gradient)) {}

  void forward_async(cudaStream_t stream) const override { run_async(forward_, stream); }
  void weight_gradient_async(cudaStream_t stream) const override {
    run_async(weight_gradient_.value(), stream);
  }
  void data_gradient_async(cudaStream_t stream) const override { run_async(data_gradient_.value(), stream); }

 private:
  void run_async(const Planned& product, cudaStream_t stream) const {
    product.run_async(shared_.context, shared_.workspace.view(), stream);
  }

  const Shared& shared_;
  Planned forward_;
  std::optional<Planned> weight_gradient_;
  std::optional<Planned> data_gradient_;
};

class CublasLtLibrary final : public ProductLibrary {
 public:
  CublasLtLibrary(const CublasLt& cublas, const CublasLtSettings& settings, cudaStream_t stream)
      : shared_{cublas, settings, make_context(cublas),
                DeviceBuffer<std::byte>(settings.workspace_bytes, stream)} {}

  std::string_view name() const override { return "cublaslt"; }
  std::string version() const override { return std::to_string(shared_.cublas.get_version()); }

  std::unique_ptr<DenseProducts> plan(const DenseShape& shape, const DenseArrays& arrays,
                                      ProductChoices& choices, cudaStream_t stream) override {
    return shape.math == MathMode::bf16 ? plan_of<__nv_bfloat16>(shape, arrays, choices, stream)
                                        : plan_of<float>(shape, arrays, choices, stream);
  }

 private:
  template <class T>
  std::unique_ptr<DenseProducts> plan_of(const DenseShape& shape, const DenseArrays& arrays,
                                         ProductChoices& choices, cudaStream_t stream) {
    const cudaDataType element = element_type(shape.math);
    const RowsShape output_rows = {shape.rows, shape.outputs};
    const RowsShape input_rows = {shape.rows, shape.inputs};

    const Matmul forward = {.name = "forward",
                            .m = shape.outputs,
                            .n = shape.rows,
                            .k = shape.inputs,
                            .transpose_a = false,
                            .transpose_b = false,
                            .a = arrays.weights,
                            .b = arrays.input,
                            .d = arrays.output,
                            .d_type = element,
                            .math = shape.math};
    const bool masked = shape.trains && arrays.output_mask != nullptr;
    Epilogue bias_relu = {.kind = masked ? CUBLASLT_EPILOGUE_RELU_AUX_BIAS : CUBLASLT_EPILOGUE_RELU_BIAS,
                          .bias = arrays.bias};
    if (masked) {
      bias_relu.mask = arrays.output_mask;
      bias_relu.mask_leading = mask_bits(shape.outputs);
    }
    const auto own_bias_relu = [=](cudaStream_t on) {
      bias_relu_async(output_rows, static_cast<T*>(arrays.output), static_cast<const T*>(arrays.bias),
                      masked ? static_cast<std::uint32_t*>(arrays.output_mask) : nullptr, on);
    };
    Planned planned_forward = plan_product(
        forward, {Way{"fused", bias_relu, {}}, Way{"plain", {}, own_bias_relu}}, choices, stream);
    if (!shape.trains) {
      return std::make_unique<CublasLtProducts>(shared_, std::move(planned_forward), std::nullopt,
                                                std::nullopt);
    }

    const Matmul weight_gradient = {.name = "weight_gradient",
                                    .m = shape.outputs,
                                    .n = shape.inputs,
                                    .k = shape.rows,
                                    .transpose_a = false,
                                    .transpose_b = true,
                                    .a = arrays.output_gradient,
                                    .b = arrays.input,
                                    .d = arrays.weight_gradient,
                                    .d_type = CUDA_R_32F,
                                    .math = shape.math};
    const Epilogue bias_gradient = {.kind = CUBLASLT_EPILOGUE_BGRADA, .bias = arrays.bias_gradient};
    const auto own_bias_gradient = [=](cudaStream_t on) {
      column_sums_async(output_rows, static_cast<const T*>(arrays.output_gradient), arrays.bias_gradient, on);
    };
    Planned planned_weight_gradient =
        plan_product(weight_gradient, {Way{"fused", bias_gradient, {}}, Way{"plain", {}, own_bias_gradient}},
                     choices, stream);

    std::optional<Planned> planned_data_gradient;
    if (shape.through_relu) {
      const Matmul data_gradient = {.name = "data_gradient",
                                    .m = shape.inputs,
                                    .n = shape.rows,
                                    .k = shape.outputs,
                                    .transpose_a = true,
                                    .transpose_b = false,
                                    .a = arrays.weights,
                                    .b = arrays.output_gradient,
                                    .d = arrays.input_gradient,
                                    .d_type = element,
                                    .math = shape.math};
      const Epilogue relu_below = {.kind = CUBLASLT_EPILOGUE_DRELU,
                                   .mask = arrays.input_mask,
                                   .mask_leading = mask_bits(shape.inputs)};
      const auto own_mask = [=](cudaStream_t on) {
        mask_async(input_rows, static_cast<T*>(arrays.input_gradient),
                   static_cast<const std::uint32_t*>(arrays.input_mask), on);
      };
      planned_data_gradient.emplace(plan_product(
          data_gradient, {Way{"fused", relu_below, {}}, Way{"plain", {}, own_mask}}, choices, stream));
    }
    return std::make_unique<CublasLtProducts>(shared_, std::move(planned_forward),
                                              std::move(planned_weight_gradient),
                                              std::move(planned_data_gradient));
  }

  // The algorithm that an earlier engine chose, or else the library's advice, fused before plain; or the
  // fastest of all. Notes what it took.
  Planned plan_product(const Matmul& product, const std::vector<Way>& ways, ProductChoices& choices,
                       cudaStream_t stream) {
    std::string& choice = choices[fmt::format("{} {}x{}x{}", product.name, product.m, product.n, product.k)];
    const std::size_t colon = choice.find(':');
    if (colon != std::string::npos) {
      for (const Way& way : ways) {
        const auto algo = algo_from(std::string_view(choice).substr(colon + 1));
        if (!algo || std::string_view(choice).substr(0, colon) != way.name) continue;
        Described described(shared_.cublas, product, way.epilogue);
        if (described.can_use(shared_.context, *algo, shared_.settings.workspace_bytes)) {
          return {std::move(described), *algo, way.afterwards};
        }
      }
    }
    std::optional<Planned> best;
    float best_ms = std::numeric_limits<float>::infinity();
    for (const Way& way : ways) {
      const auto algorithms = Described(shared_.cublas, product, way.epilogue)
                                  .candidates(shared_.context, shared_.settings.tune ? kCandidates : 1,
                                              shared_.settings.workspace_bytes);
      for (const cublasLtMatmulAlgo_t& algo : algorithms) {
        Planned candidate(Described(shared_.cublas, product, way.epilogue), algo, way.afterwards);
        const float ms = shared_.settings.tune ? time_of(candidate, stream) : 0.0F;
        if (best && ms >= best_ms) continue;
        best.emplace(std::move(candidate));
        best_ms = ms;
        choice = fmt::format("{}:{}", way.name, to_text(algo));
      }
      if (best && !shared_.settings.tune) break;
    }
    if (!best) {
      throw DeviceError(fmt::format("cuBLASLt {} has no algorithm for the product {} of {}×{}×{}", version(),
                                    product.name, product.m, product.n, product.k));
    }
    return *std::move(best);
  }

  // The shortest of some runs; the first of all is not counted, since it loads what is loaded lazily.
  [[nodiscard]] float time_of(const Planned& candidate, cudaStream_t stream) const {
    const Event begin(Event::Timing::on);
    const Event end(Event::Timing::on);
    float best_ms = std::numeric_limits<float>::infinity();
    for (int run = 0; run <= kTimedRuns; ++run) {
      MILLRACE_CUDA_CHECK(cudaEventRecord(begin.view(), stream));
      candidate.run_async(shared_.context, shared_.workspace.view(), stream);
      MILLRACE_CUDA_CHECK(cudaEventRecord(end.view(), stream));
      end.wait();
      if (run > 0) best_ms = std::min(best_ms, elapsed(begin, end).count());
    }
    return best_ms;
  }

  const Shared shared_;
};

}  // namespace

std::unique_ptr<ProductLibrary> make_cublaslt_products(const CublasLt& cublas,
                                                       const CublasLtSettings& settings,
                                                       cudaStream_t stream) {
  return std::make_unique<CublasLtLibrary>(cublas, settings, stream);
}

}  // namespace millrace::cuda
