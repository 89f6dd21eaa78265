#include "cuda/gemm/cudnn_products.h"

#include <cstdint>
#include <cuda_bf16.h>
#include <cudnn_frontend.h>
#include <fmt/format.h>
#include <source_location>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "millrace/errors.h"

#include "cuda/buffer.h"
#include "cuda/gemm/cudnn_plan_name.h"
#include "cuda/kernels/epilogues.h"
#include "cuda/library/open_cudnn.h"

namespace millrace::cuda {
namespace {

namespace fe = cudnn_frontend;
using fe::graph::Graph;
using Tensor = std::shared_ptr<fe::graph::Tensor_attributes>;

// As many plans as are worth compiling and timing.
constexpr int kCandidates = 4;

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

enum TensorId : std::int64_t {
  kInput = 1,
  kWeights,
  kBias,
  kOutput,
  kOutputGradient,
  kWeightGradient,
  kWeightsAbove,
  kGradientAbove
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

// dy = dy'·w'ᵀ where y > 0, 0 elsewhere
std::unique_ptr<Graph> data_gradient_graph(const DenseShape& shape) {
  const auto type = element_type(shape.math);
  auto graph = empty_graph(shape.math);
  const Tensor above = graph->tensor(matrix(kGradientAbove, "dy'", shape.rows, shape.above, type));
  const Tensor w =
      graph->tensor(matrix(kWeightsAbove, "w'", shape.above, shape.outputs, type, Order::transposed));
  const Tensor y = graph->tensor(matrix(kOutput, "y", shape.rows, shape.outputs, type));
  const Tensor product = graph->matmul(above, w, fe::graph::Matmul_attributes().set_name("dyw"));
  const Tensor dy = graph->pointwise(product, y, pointwise(fe::PointwiseMode_t::RELU_BWD, "relu"));
  set_result(dy, matrix(kOutputGradient, "dy", shape.rows, shape.outputs, type));
  return graph;
}

// Null: it is none of ours.
std::unique_ptr<Graph> graph_of(const DenseProduct& product, const DenseShape& shape) {
  switch (product.kind) {
    case ProductKind::forward:
      return product.masks ? nullptr : forward_graph(shape);
    case ProductKind::data_gradient:
      return product.masks || product.bias_gradient ? nullptr : data_gradient_graph(shape);
    case ProductKind::weight_gradient:
      break;
  }
  return weight_gradient_graph(shape);
}

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

// Compiles a plan of the graph. False: it cannot be used.
bool build(Graph& graph, std::int64_t plan) {
  const auto parsed = parse_cudnn_plan_name(plan_name(graph, plan));
  return parsed && !splits_sums(*parsed) && graph.build_plan_at_index(plan).is_good();
}

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
  return build(graph, 0);
}

// The graph with the plans that the library advises, best first. False: it advises none.
bool plan_as_advised(Graph& graph, MathMode math, cudnnHandle_t handle) {
  lower(graph, handle);
  if (graph.create_execution_plans({fe::HeurMode_t::A, fe::HeurMode_t::FALLBACK}).is_bad()) return false;
  bar_unwanted(graph, math);
  return true;
}

// --- products

// What stands behind the tensors' ids; a graph takes those that it has. The frontend takes what it only
// reads as what it writes.
using Pointers = std::unordered_map<std::int64_t, void*>;

Pointers pointers(const DenseArrays& arrays) {
  return {{kInput, const_cast<void*>(arrays.input)},
          {kWeights, const_cast<void*>(arrays.weights)},
          {kBias, const_cast<void*>(arrays.bias)},
          {kOutput, arrays.output},
          {kOutputGradient, arrays.output_gradient},
          {kWeightGradient, arrays.weight_gradient},
          {kWeightsAbove, const_cast<void*>(arrays.weights_above)},
          {kGradientAbove, const_cast<void*>(arrays.gradient_above)}};
}

void sum_columns_async(const DenseLayer& layer, cudaStream_t stream) {
  const RowsShape rows = {layer.shape.rows, layer.shape.outputs};
  const void* from = layer.arrays.output_gradient;
  if (layer.shape.math == MathMode::bf16) {
    column_sums_async(rows, static_cast<const __nv_bfloat16*>(from), layer.arrays.bias_gradient, stream);
  } else {
    column_sums_async(rows, static_cast<const float*>(from), layer.arrays.bias_gradient, stream);
  }
}

// A product by one plan of its graph.
class CudnnProduct final : public Product {
 public:
  CudnnProduct(const Handle& handle, std::shared_ptr<Graph> graph, std::int64_t plan,
               const DenseProduct& product, const DenseLayer& layer, cudaStream_t stream)
      : handle_(&handle),
        graph_(std::move(graph)),
        plan_(plan),
        sums_columns_(product.bias_gradient),
        layer_(layer),
        pointers_(pointers(layer.arrays)),
        workspace_(workspace_bytes(), stream) {}

  void run_async(cudaStream_t stream) const override {
    with_frontend([&] {
      const cudnnHandle_t handle = handle_->on(stream);
      MILLRACE_GRAPH_CHECK(graph_->execute_plan_at_index(handle, pointers_, workspace_.view().data(), plan_));
    });
    if (sums_columns_) sum_columns_async(layer_, stream);
  }

 private:
  [[nodiscard]] std::size_t workspace_bytes() const {
    std::int64_t bytes = 0;
    MILLRACE_GRAPH_CHECK(graph_->get_workspace_size_plan_at_index(plan_, bytes));
    return static_cast<std::size_t>(bytes);
  }

  const Handle* handle_;
  std::shared_ptr<Graph> graph_;  // of all its plans: several while they are timed
  std::int64_t plan_;
  bool sums_columns_;
  DenseLayer layer_;
  mutable Pointers pointers_;  // the frontend reads it, and asks for more
  DeviceBuffer<std::byte> workspace_;
};

class CudnnLibrary final : public ProductLibrary {
 public:
  explicit CudnnLibrary(const Cudnn& cudnn) : handle_(cudnn) {}

  std::string_view name() const override { return "cudnn"; }
  std::string version() const override { return cudnn_library().version; }

  std::vector<Candidate> candidates(const DenseProduct& product, const DenseLayer& layer, Advice advice,
                                    cudaStream_t stream) override {
    return with_frontend([&] {
      std::vector<Candidate> found;
      const std::shared_ptr<Graph> graph = graph_of(product, layer.shape);
      if (graph == nullptr || !plan_as_advised(*graph, layer.shape.math, handle_.on(stream))) return found;
      const std::size_t wanted = advice == Advice::best ? 1 : kCandidates;
      for (std::int64_t plan = 0; plan < graph->get_execution_plan_count() && found.size() < wanted; ++plan) {
        if (!build(*graph, plan)) continue;
        found.push_back({plan_name(*graph, plan),
                         std::make_unique<CudnnProduct>(handle_, graph, plan, product, layer, stream)});
      }
      return found;
    });
  }

  std::unique_ptr<Product> by(std::string_view algorithm, const DenseProduct& product,
                              const DenseLayer& layer, cudaStream_t stream) override {
    return with_frontend([&]() -> std::unique_ptr<Product> {
      std::shared_ptr<Graph> graph = graph_of(product, layer.shape);
      if (graph == nullptr || !plan_named(*graph, algorithm, layer.shape.math, handle_.on(stream))) {
        return nullptr;
      }
      return std::make_unique<CudnnProduct>(handle_, std::move(graph), 0, product, layer, stream);
    });
  }

 private:
  const Handle handle_;
};

}  // namespace

const CudaLibrary& cudnn_library() { return open_cudnn().library; }

std::unique_ptr<ProductLibrary> make_cudnn_products() {
  const CudnnOpening& cudnn = open_cudnn();
  if (cudnn.table == nullptr) throw DeviceError(fmt::format("cuDNN cannot be used: {}", cudnn.library.place));
  return std::make_unique<CudnnLibrary>(*cudnn.table);
}

void check_cudnn_graphs(const DenseShape& shape) {
  if (open_cudnn().table == nullptr) {
    throw DeviceError(fmt::format("cuDNN cannot be used: {}", cudnn_library().place));
  }
  with_frontend([&] {
    std::vector<DenseProduct> products = {{.kind = ProductKind::forward}};
    if (shape.trains) products.push_back({.kind = ProductKind::weight_gradient});
    if (shape.trains && shape.above != 0) products.push_back({.kind = ProductKind::data_gradient});
    for (const DenseProduct& product : products) {
      MILLRACE_GRAPH_CHECK(graph_of(product, shape)->validate());
    }
  });
}

}  // namespace millrace::cuda
