#include "support/emulated_device/cudnn.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/errors.h"

#include "cuda/gemm/cudnn_products.h"
#include "support/emulated_device/cublaslt_product.h"
#include "support/emulated_device/device.h"

namespace millrace::cuda {
namespace {

using emulated::Device;
using emulated::LibraryWork;
// cuda::Product is one that runs, this one its mathematics.
using Mathematics = emulated::Product;

struct NamedPlan {
  const char* name;
  emulated::Summation summation;
};

constexpr std::array kPlans = {NamedPlan{"eng0_k1=0", emulated::Summation::interleaved},
                               NamedPlan{"eng1_k1=2", emulated::Summation::sequential}};

// A lock on a device that may be used; `call` is counted.
std::unique_lock<std::mutex> begin(const char* call, Device::CallKind kind) {
  std::unique_lock lock(Device::mutex);
  const cudaError_t error =
      Device::current == nullptr ? cudaErrorInsufficientDriver : Device::current->begin_call(call, kind);
  if (error != cudaSuccess) throw DeviceError(std::string(call) + ": " + cudaGetErrorName(error));
  return lock;
}

// A row-major matrix as its transpose in column-major order.
emulated::Matrix transposed(emulated::ElementType type, std::uint32_t rows, std::uint32_t columns) {
  return {.type = type, .rows = columns, .columns = rows, .leading = columns};
}

emulated::Range range_of(const char* name, const emulated::Matrix& matrix, const void* data) {
  return {name, data, matrix.rows * matrix.columns * bytes_of(matrix.type)};
}

// Of each element above zero by the other's. NaN is not.
bool above_zero(const void* data, std::size_t index, emulated::ElementType type) {
  const std::size_t bytes = bytes_of(type);
  const auto* at = static_cast<const std::byte*>(data) + index * bytes;
  float value = 0;  // a bfloat16 is a float's upper half
  std::memcpy(reinterpret_cast<std::byte*>(&value) + sizeof value - bytes, at, bytes);
  return value > 0;
}

void zero_where_closed(const void* y, void* dy, std::size_t count, emulated::ElementType type) {
  const std::size_t bytes = bytes_of(type);
  for (std::size_t i = 0; i < count; ++i) {
    if (!above_zero(y, i, type)) std::memset(static_cast<std::byte*>(dy) + i * bytes, 0, bytes);
  }
}

LibraryWork work_of(const DenseProduct& product, const DenseLayer& layer, emulated::Summation summation) {
  const DenseShape& shape = layer.shape;
  const DenseArrays arrays = layer.arrays;
  const auto type =
      shape.math == MathMode::bf16 ? emulated::ElementType::bfloat16 : emulated::ElementType::float32;
  Mathematics its;
  its.tf32 = shape.math == MathMode::tf32;
  its.summation = summation;
  const auto operands = [&](const emulated::Matrix& a, const void* a_data, const emulated::Matrix& b,
                            const void* b_data, const emulated::Matrix& d, void* d_data) {
    its.a = a;
    its.a_data = a_data;
    its.b = b;
    its.b_data = b_data;
    its.c = its.d = d;
    its.c_data = its.d_data = d_data;
    its.m = d.rows;
    its.n = d.columns;
    its.k = its.transpose_a ? a.rows : a.columns;
  };
  LibraryWork work;
  const emulated::Matrix y = transposed(type, shape.rows, shape.outputs);
  const emulated::CudnnBehaviour& behaviour = Device::current->cudnn;
  switch (product.kind) {
    case ProductKind::forward:
      its.adds_bias = its.relu = true;
      its.bias = const_cast<void*>(arrays.bias);
      work.reads.push_back({"b", arrays.bias, shape.outputs * bytes_of(type)});
      operands(transposed(type, shape.inputs, shape.outputs), arrays.weights,
               transposed(type, shape.rows, shape.inputs), arrays.input, y, arrays.output);
      work.compute = [its] { compute(its); };
      work.extra_us = behaviour.forward_us;
      break;
    case ProductKind::data_gradient:
      its.transpose_a = true;
      work.reads.push_back(range_of("y", y, arrays.output));
      operands(transposed(type, shape.outputs, shape.above), arrays.weights_above,
               transposed(type, shape.rows, shape.above), arrays.gradient_above, y, arrays.output_gradient);
      work.compute = [its, y, output = arrays.output] {
        compute(its);
        zero_where_closed(output, its.d_data, y.rows * y.columns, y.type);
      };
      work.extra_us = behaviour.data_gradient_us;
      break;
    case ProductKind::weight_gradient:
      its.transpose_b = true;
      if (product.bias_gradient) {
        its.bias_gradient = Mathematics::BiasGradient::of_a;
        its.bias = arrays.bias_gradient;
        work.writes.push_back({"db", arrays.bias_gradient, shape.outputs * sizeof(float)});
      }
      operands(y, arrays.output_gradient, transposed(type, shape.rows, shape.inputs), arrays.input,
               transposed(emulated::ElementType::float32, shape.inputs, shape.outputs),
               arrays.weight_gradient);
      work.compute = [its] { compute(its); };
      work.extra_us = behaviour.weight_gradient_us;
      break;
  }
  work.reads.push_back(range_of("a", its.a, its.a_data));
  work.reads.push_back(range_of("b", its.b, its.b_data));
  work.writes.push_back(range_of("d", its.d, its.d_data));
  work.flops = 2.0 * static_cast<double>(its.m) * static_cast<double>(its.n) * static_cast<double>(its.k);
  return work;
}

class EmulatedProduct final : public Product {
 public:
  explicit EmulatedProduct(LibraryWork work) : work_(std::move(work)) {}

  void run_async(cudaStream_t stream) const override {
    constexpr const char* kName = "cudnnExecute";
    const auto lock = begin(kName, Device::CallKind::enqueuing);
    cudaError_t error = cudaSuccess;
    emulated::Stream* its = Device::current->stream_of(stream, kName, error);
    if (its == nullptr) throw DeviceError(std::string(kName) + ": " + cudaGetErrorName(error));
    Device::current->enqueue_library(kName, work_, *its);
  }

 private:
  LibraryWork work_;
};

class EmulatedCudnn final : public ProductLibrary {
 public:
  EmulatedCudnn() {
    const auto lock = begin("cudnnCreate", Device::CallKind::plain);
    version_ = Device::current->cudnn.version;
  }

  std::string_view name() const override { return "cudnn"; }
  std::string version() const override { return version_; }

  std::vector<Candidate> candidates(const DenseProduct& product, const DenseLayer& layer, Advice advice,
                                    cudaStream_t /*stream*/) override {
    const auto lock = begin("cudnnGetPlans", Device::CallKind::plain);
    std::vector<Candidate> found;
    for (const NamedPlan& plan : kPlans) {
      if (!has(product, layer.shape) || (advice == Advice::best && !found.empty())) break;
      if (Device::current->cudnn.refused_plans.contains(plan.name)) continue;
      found.push_back(
          {plan.name, std::make_unique<EmulatedProduct>(work_of(product, layer, plan.summation))});
    }
    return found;
  }

  std::unique_ptr<Product> by(std::string_view algorithm, const DenseProduct& product,
                              const DenseLayer& layer, cudaStream_t /*stream*/) override {
    const auto lock = begin("cudnnGetPlans", Device::CallKind::plain);
    const auto plan =
        std::ranges::find_if(kPlans, [&](const NamedPlan& one) { return one.name == algorithm; });
    if (plan == kPlans.end() || !has(product, layer.shape) ||
        Device::current->cudnn.refused_plans.contains(plan->name)) {
      return nullptr;
    }
    return std::make_unique<EmulatedProduct>(work_of(product, layer, plan->summation));
  }

 private:
  static bool has(const DenseProduct& product, const DenseShape& shape) {
    const bool bias_gradient_elsewhere =
        product.bias_gradient && product.kind != ProductKind::weight_gradient;
    return shape.math != MathMode::fp32 && !product.masks && !bias_gradient_elsewhere;
  }

  std::string version_;
};

CudaLibrary described(const std::string& version) {
  return {"cuDNN", version, version.empty() ? "none on this emulated device" : "the emulated device"};
}

}  // namespace

const CudaLibrary& cudnn_library() {
  static CudaLibrary library;  // of the device that exists
  const std::lock_guard lock(Device::mutex);
  library = described(Device::current == nullptr ? "" : Device::current->cudnn.version);
  return library;
}

std::unique_ptr<ProductLibrary> make_cudnn_products() { return std::make_unique<EmulatedCudnn>(); }

}  // namespace millrace::cuda

namespace millrace::emulated {

void set_cudnn_behaviour(const CudnnBehaviour& behaviour) {
  const std::lock_guard lock(Device::mutex);
  if (Device::current == nullptr) throw std::logic_error("no emulated device exists");
  Device::current->cudnn = behaviour;
}

}  // namespace millrace::emulated
