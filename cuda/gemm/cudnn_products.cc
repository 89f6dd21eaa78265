#include "cuda/gemm/cudnn_products.h"

#include <algorithm>
#include <cstdint>
#include <cuda_bf16.h>
#include <cudnn_frontend.h>
#include <fmt/format.h>
#include <limits>
#include <source_location>
#include <span>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "millrace/errors.h"

#include "cuda/buffer.h"
#include "cuda/check.h"
#include "cuda/gemm/cudnn_plan_name.h"
#include "cuda/kernels/epilogues.h"
#include "cuda/library/open_cudnn.h"
#include "cuda/stream.h"

namespace millrace::cuda {
namespace {

namespace fe = cudnn_frontend;
using fe::graph::Graph;
using Tensor = std::shared_ptr<fe::graph::Tensor_attributes>;

// As many plans as are compiled and timed, where that is asked for.
constexpr int kCandidates = 4;
constexpr int kTimedRuns = 5;

// --- errors

// The frontend's errors are lines of text: the first says what failed and why, the others repeat the
// question.
std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

void graph_check(const fe::error_t& result, const char* expression,
                 std::source_location where = std::source_location::current()) {
  if (!result.is_bad()) return;
  const std::string_view path = where.file_name();
  throw DeviceError(fmt::format("{} at {}:{}: {}", expression, path.substr(path.find_last_of('/') + 1),
                                where.line(), first_line(result.err_msg)));
}

#define MILLRACE_GRAPH_CHECK(call) graph_check((call), #call)

// The frontend throws what it does not return.
template <class Function>
auto with_frontend(Function&& function) {
  try {
    return function();
  } catch (const Error&) {
    throw;
  } catch (const std::runtime_error& error) {
    throw DeviceError(fmt::format("cuDNN: {}", error.what()));
  }
}

// --- graphs

std::string_view math_name(MathMode math) {
  switch (math) {
    case MathMode::fp32:
      return "fp32";
    case MathMode::tf32:
      return "tf32";
    case MathMode::bf16:
      return "bf16";
  }
  return "?";
}

enum TensorId : std::int64_t {
  kInput = 1,
  kWeights,
  kBias,
  kOutput,
  kOutputGradient,
  kWeightGradient,
  kInputGradient
};

enum class Order { row_major, transposed };

fe::DataType_t element_type(MathMode math) {
  return math == MathMode::bf16 ? fe::DataType_t::BFLOAT16 : fe::DataType_t::FLOAT;
}

std::unique_ptr<Graph> empty_graph(MathMode math) {
  auto graph = std::make_unique<Graph>();
  graph->set_io_data_type(element_type(math))
      .set_intermediate_data_type(fe::DataType_t::FLOAT)
      .set_compute_data_type(fe::DataType_t::FLOAT);
  // The products outlive what is captured from them. A reference per captured graph would be had from a
  // second CUDA runtime, which the frontend opens for that.
  graph->set_cuda_graph_retention(fe::CudaGraphRetention_t::NONE);
  return graph;
}

// A matrix [rows, columns], one of a batch of one; transposed: its memory holds [columns, rows] by rows.
fe::graph::Tensor_attributes matrix(TensorId id, const char* name, std::int64_t rows, std::int64_t columns,
                                    fe::DataType_t type, Order order = Order::row_major) {
  const bool by_rows = order == Order::row_major;
  return fe::graph::Tensor_attributes()
      .set_uid(id)
      .set_name(name)
      .set_dim({1, rows, columns})
      .set_stride({rows * columns, by_rows ? columns : 1, by_rows ? 1 : rows})
      .set_data_type(type);
}

void set_result(const Tensor& tensor, fe::graph::Tensor_attributes attributes) {
  *tensor = attributes.set_output(true).set_is_virtual(false);
}

fe::graph::Pointwise_attributes pointwise(fe::PointwiseMode_t mode, const char* name) {
  return fe::graph::Pointwise_attributes().set_mode(mode).set_name(name);
}

// y = relu(x·w + b)
std::unique_ptr<Graph> forward_graph(const DenseShape& shape) {
  const auto type = element_type(shape.math);
  auto graph = empty_graph(shape.math);
  const Tensor x = graph->tensor(matrix(kInput, "x", shape.rows, shape.inputs, type));
  const Tensor w = graph->tensor(matrix(kWeights, "w", shape.inputs, shape.outputs, type));
  const Tensor b = graph->tensor(matrix(kBias, "b", 1, shape.outputs, type));
  const Tensor product = graph->matmul(x, w, fe::graph::Matmul_attributes().set_name("xw"));
  const Tensor sum = graph->pointwise(product, b, pointwise(fe::PointwiseMode_t::ADD, "bias"));
  const Tensor y = graph->pointwise(sum, pointwise(fe::PointwiseMode_t::RELU_FWD, "relu"));
  set_result(y, matrix(kOutput, "y", shape.rows, shape.outputs, type));
  return graph;
}

// dw = xᵀ·dy
std::unique_ptr<Graph> weight_gradient_graph(const DenseShape& shape) {
  const auto type = element_type(shape.math);
  auto graph = empty_graph(shape.math);
  const Tensor x = graph->tensor(matrix(kInput, "x", shape.inputs, shape.rows, type, Order::transposed));
  const Tensor dy = graph->tensor(matrix(kOutputGradient, "dy", shape.rows, shape.outputs, type));
  const Tensor dw = graph->matmul(x, dy, fe::graph::Matmul_attributes().set_name("xdy"));
  set_result(dw, matrix(kWeightGradient, "dw", shape.inputs, shape.outputs, fe::DataType_t::FLOAT));
  return graph;
}

// dx = dy·wᵀ where x > 0, 0 elsewhere
std::unique_ptr<Graph> data_gradient_graph(const DenseShape& shape) {
  const auto type = element_type(shape.math);
  auto graph = empty_graph(shape.math);
  const Tensor dy = graph->tensor(matrix(kOutputGradient, "dy", shape.rows, shape.outputs, type));
  const Tensor w = graph->tensor(matrix(kWeights, "w", shape.outputs, shape.inputs, type, Order::transposed));
  const Tensor x = graph->tensor(matrix(kInput, "x", shape.rows, shape.inputs, type));
  const Tensor product = graph->matmul(dy, w, fe::graph::Matmul_attributes().set_name("dyw"));
  const Tensor dx = graph->pointwise(product, x, pointwise(fe::PointwiseMode_t::RELU_BWD, "relu below"));
  set_result(dx, matrix(kInputGradient, "dx", shape.rows, shape.inputs, type));
  return graph;
}

struct Product {
  const char* name;
  std::unique_ptr<Graph> (*describe)(const DenseShape&);
};

// --- plans

// Bars plans that the graph has so far.
void bar_unwanted(Graph& graph, MathMode math) {
  std::vector<fe::NumericalNote_t> notes = {fe::NumericalNote_t::NONDETERMINISTIC,
                                            fe::NumericalNote_t::REDUCED_PRECISION_REDUCTION,
                                            fe::NumericalNote_t::DOWN_CONVERT_INPUTS};
  // Tensor cores take float32 as TF32.
  if (math == MathMode::fp32) notes.push_back(fe::NumericalNote_t::TENSOR_CORE);
  graph.deselect_numeric_notes(notes);
  graph.deselect_behavior_notes({fe::BehaviorNote_t::CUBLASLT_DEPENDENCY});
}

std::string plan_name(const Graph& graph, std::int64_t plan) {
  std::string name;
  MILLRACE_GRAPH_CHECK(graph.get_plan_name_at_index(plan, name));
  return name;
}

// Compiles a plan of the graph. False, with the reason: it cannot be used.
bool build(Graph& graph, std::int64_t plan, std::string& reason) {
  const std::string name = plan_name(graph, plan);
  const auto parsed = parse_cudnn_plan_name(name);
  if (!parsed || splits_sums(*parsed)) {
    reason = fmt::format("{} splits its sums", name);
    return false;
  }
  const fe::error_t built = graph.build_plan_at_index(plan);
  if (built.is_bad()) reason = fmt::format("{}: {}", name, first_line(built.err_msg));
  return built.is_good();
}

// What stands behind the tensors' ids; a graph takes those that it has.
using Arrays = std::unordered_map<std::int64_t, void*>;

// A product with the one plan of its graph that it runs by.
class Planned {
 public:
  Planned(std::shared_ptr<Graph> graph, std::int64_t plan, Arrays arrays)
      : graph_(std::move(graph)), plan_(plan), arrays_(std::move(arrays)) {}

  [[nodiscard]] std::size_t workspace_bytes() const {
    std::int64_t bytes = 0;
    MILLRACE_GRAPH_CHECK(graph_->get_workspace_size_plan_at_index(plan_, bytes));
    return static_cast<std::size_t>(bytes);
  }

  // On the handle's stream.
  void run_async(cudnnHandle_t handle, std::span<std::byte> workspace) const {
    MILLRACE_GRAPH_CHECK(graph_->execute_plan_at_index(handle, arrays_, workspace.data(), plan_));
  }

 private:
  std::shared_ptr<Graph> graph_;  // of all its plans: several while they are timed
  std::int64_t plan_;
  mutable Arrays arrays_;  // the frontend reads it, and asks for more
};

class Handle {
 public:
  explicit Handle(const Cudnn& cudnn) : cudnn_(&cudnn) {
    MILLRACE_CUDNN_CHECK(cudnn, cudnn.create(&handle_));
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { log_failed_cudnn_release(*cudnn_, cudnn_->destroy(handle_), "cudnnDestroy"); }

  // Bound to `stream` until the next call.
  [[nodiscard]] cudnnHandle_t on(cudaStream_t stream) const {
    MILLRACE_CUDNN_CHECK(*cudnn_, cudnn_->set_stream(handle_, stream));
    return handle_;
  }

 private:
  const Cudnn* cudnn_;
  cudnnHandle_t handle_ = nullptr;
};

void lower(Graph& graph, cudnnHandle_t handle) {
  MILLRACE_GRAPH_CHECK(graph.validate());
  MILLRACE_GRAPH_CHECK(graph.build_operation_graph(handle));
}

// The graph with the plan of that name as its only one. False: it cannot be had here.
bool plan_named(Graph& graph, std::string_view name, MathMode math, cudnnHandle_t handle) {
  const auto wanted = parse_cudnn_plan_name(name);
  if (!wanted) return false;
  std::unordered_map<fe::KnobType_t, std::int64_t> knobs;
  for (const auto& [knob, value] : wanted->knobs) {
    const auto type = fe::convert_from_backend_knob_type(static_cast<cudnnBackendKnobType_t>(knob));
    if (type == fe::KnobType_t::NOT_SET) return false;
    knobs[type] = value;
  }
  lower(graph, handle);
  if (graph.create_execution_plan(wanted->engine, knobs).is_bad()) return false;
  bar_unwanted(graph, math);
  std::string reason;
  return build(graph, 0, reason);
}

// The graph with the plans that the library advises, best first.
void plan_as_advised(Graph& graph, MathMode math, cudnnHandle_t handle) {
  lower(graph, handle);
  MILLRACE_GRAPH_CHECK(graph.create_execution_plans({fe::HeurMode_t::A, fe::HeurMode_t::FALLBACK}));
  bar_unwanted(graph, math);
}

// The first plan that can be used; or of `candidates` such plans the one that `time` calls fastest. Negative,
// with the reason: there is none.
template <class Time>
std::int64_t choose_plan(Graph& graph, int candidates, Time&& time, std::string& reason) {
  std::int64_t best = -1;
  float best_ms = std::numeric_limits<float>::infinity();
  for (std::int64_t plan = 0; plan < graph.get_execution_plan_count() && candidates > 0; ++plan) {
    if (!build(graph, plan, reason)) continue;
    --candidates;
    const float ms = time(plan);
    if (best >= 0 && ms >= best_ms) continue;
    best = plan;
    best_ms = ms;
  }
  return best;
}

// --- products

class CudnnProducts final : public DenseProducts {
 public:
  CudnnProducts(const Handle& handle, const DenseShape& shape, const DenseArrays& arrays,
                std::vector<Planned> products, cudaStream_t stream)
      : handle_(&handle),
        shape_(shape),
        arrays_(arrays),
        products_(std::move(products)),
        workspace_(largest_workspace(products_), stream) {}

  void forward_async(cudaStream_t stream) const override { run_async(0, stream); }

  void weight_gradient_async(cudaStream_t stream) const override {
    run_async(1, stream);
    const RowsShape rows = {shape_.rows, shape_.outputs};
    if (shape_.math == MathMode::bf16) {
      column_sums_async(rows, static_cast<const __nv_bfloat16*>(arrays_.output_gradient),
                        arrays_.bias_gradient, stream);
    } else {
      column_sums_async(rows, static_cast<const float*>(arrays_.output_gradient), arrays_.bias_gradient,
                        stream);
    }
  }

  void data_gradient_async(cudaStream_t stream) const override { run_async(2, stream); }

 private:
  static std::size_t largest_workspace(const std::vector<Planned>& products) {
    std::size_t bytes = 0;
    for (const Planned& product : products) bytes = std::max(bytes, product.workspace_bytes());
    return bytes;
  }

  void run_async(std::size_t product, cudaStream_t stream) const {
    with_frontend([&] { products_.at(product).run_async(handle_->on(stream), workspace_.view()); });
  }

  const Handle* handle_;
  DenseShape shape_;
  DenseArrays arrays_;
  std::vector<Planned> products_;  // as products_of has them
  DeviceBuffer<std::byte> workspace_;
};

// What `shape` needs: forward, then the weight gradient, then the data gradient.
std::vector<Product> products_of(const DenseShape& shape) {
  std::vector<Product> products = {{"forward", forward_graph}};
  if (shape.trains) products.push_back({"weight_gradient", weight_gradient_graph});
  if (shape.trains && shape.through_relu) products.push_back({"data_gradient", data_gradient_graph});
  return products;
}

// The frontend takes what it only reads as what it writes.
Arrays pointers(const DenseArrays& arrays) {
  return {{kInput, const_cast<void*>(arrays.input)},
          {kWeights, const_cast<void*>(arrays.weights)},
          {kBias, const_cast<void*>(arrays.bias)},
          {kOutput, arrays.output},
          {kOutputGradient, const_cast<void*>(arrays.output_gradient)},
          {kWeightGradient, arrays.weight_gradient},
          {kInputGradient, arrays.input_gradient}};
}

class CudnnProductLibrary final : public ProductLibrary {
 public:
  CudnnProductLibrary(const Cudnn& cudnn, const CudnnSettings& settings)
      : settings_(settings), handle_(cudnn) {}

  [[nodiscard]] std::string_view name() const override { return "cudnn"; }
  [[nodiscard]] std::string version() const override { return cudnn_library().version; }

  [[nodiscard]] std::unique_ptr<DenseProducts> plan(const DenseShape& shape, const DenseArrays& arrays,
                                                    ProductChoices& choices, cudaStream_t stream) override {
    return with_frontend([&] {
      std::vector<Planned> planned;
      for (const Product& product : products_of(shape)) {
        planned.push_back(plan_product(product, shape, arrays, choices, stream));
      }
      return std::make_unique<CudnnProducts>(handle_, shape, arrays, std::move(planned), stream);
    });
  }

 private:
  // By the plan that an earlier engine chose, or else the library's advice, or the fastest. Notes what it
  // took.
  Planned plan_product(const Product& product, const DenseShape& shape, const DenseArrays& arrays,
                       ProductChoices& choices, cudaStream_t stream) const {
    const std::string text =
        fmt::format("{} {}x{}x{}", product.name, shape.rows, shape.inputs, shape.outputs);
    const cudnnHandle_t handle = handle_.on(stream);
    if (const auto chosen = choices.find(text); chosen != choices.end()) {
      auto graph = product.describe(shape);
      if (plan_named(*graph, chosen->second, shape.math, handle)) {
        return {std::move(graph), 0, pointers(arrays)};
      }
    }
    std::shared_ptr<Graph> graph = product.describe(shape);
    plan_as_advised(*graph, shape.math, handle);
    std::string reason = "nothing is advised";
    const auto time = [&](std::int64_t plan) {
      return settings_.tune ? time_of({graph, plan, pointers(arrays)}, handle, stream) : 0.0F;
    };
    const std::int64_t plan = choose_plan(*graph, settings_.tune ? kCandidates : 1, time, reason);
    if (plan < 0) {
      throw DeviceError(
          fmt::format("cuDNN {} has no deterministic plan in {} for the product {}; of the last it says: {}",
                      version(), math_name(shape.math), text, reason));
    }
    choices[text] = plan_name(*graph, plan);
    return {std::move(graph), plan, pointers(arrays)};
  }

  // The shortest of some runs; the first of all is not counted, since it loads what is loaded lazily.
  static float time_of(const Planned& candidate, cudnnHandle_t handle, cudaStream_t stream) {
    const DeviceBuffer<std::byte> workspace(candidate.workspace_bytes(), stream);
    const Event begin(Event::Timing::on);
    const Event end(Event::Timing::on);
    float best_ms = std::numeric_limits<float>::infinity();
    for (int run = 0; run <= kTimedRuns; ++run) {
      MILLRACE_CUDA_CHECK(cudaEventRecord(begin.view(), stream));
      candidate.run_async(handle, workspace.view());
      MILLRACE_CUDA_CHECK(cudaEventRecord(end.view(), stream));
      end.wait();
      if (run > 0) best_ms = std::min(best_ms, elapsed(begin, end).count());
    }
    return best_ms;
  }

  CudnnSettings settings_;
  Handle handle_;
};

}  // namespace

const CudaLibrary& cudnn_library() { return open_cudnn().library; }

std::unique_ptr<ProductLibrary> make_cudnn_products(const CudnnSettings& settings) {
  const CudnnOpening& cudnn = open_cudnn();
  if (cudnn.table == nullptr) throw DeviceError(fmt::format("cuDNN cannot be used: {}", cudnn.library.place));
  return std::make_unique<CudnnProductLibrary>(*cudnn.table, settings);
}

void check_cudnn_graphs(const DenseShape& shape) {
  if (open_cudnn().table == nullptr) {
    throw DeviceError(fmt::format("cuDNN cannot be used: {}", cudnn_library().place));
  }
  with_frontend([&] {
    for (const Product& product : products_of(shape)) {
      MILLRACE_GRAPH_CHECK(product.describe(shape)->validate());
    }
  });
}

}  // namespace millrace::cuda
