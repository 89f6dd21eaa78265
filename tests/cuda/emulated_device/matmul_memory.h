// The numbers of one cublasLtMatmul call in device memory, for tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <cuda_bf16.h>
#include <span>
#include <vector>

#include "cuda/buffer.h"
#include "cuda/stream.h"
#include "matmul_call.h"

namespace millrace {

// Elements of either type, from floats and back through pinned memory.
class MatmulArray {
 public:
  MatmulArray(std::span<const float> values, cudaDataType type, const cuda::Stream& stream)
      : type_(type), host_(values.size() * width()), device_(values.size() * width(), stream.view()) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (type == CUDA_R_32F) {
        std::memcpy(host_.data() + i * sizeof(float), &values[i], sizeof(float));
      } else {
        const std::uint16_t bits = __bfloat16_as_ushort(__float2bfloat16_rn(values[i]));
        std::memcpy(host_.data() + i * sizeof bits, &bits, sizeof bits);
      }
    }
    cuda::copy_async(device_.view(), host_.view(), stream.view());
  }

  [[nodiscard]] void* data() const { return device_.data(); }
  [[nodiscard]] std::vector<float> read(const cuda::Stream& stream) const {
    cuda::copy_async(host_.view(), device_.view(), stream.view());
    stream.synchronize();
    std::vector<float> values(host_.size() / width());
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (type_ == CUDA_R_32F) {
        std::memcpy(&values[i], host_.data() + i * sizeof(float), sizeof(float));
      } else {
        std::uint16_t bits = 0;
        std::memcpy(&bits, host_.data() + i * sizeof bits, sizeof bits);
        values[i] = __bfloat162float(__ushort_as_bfloat16(bits));
      }
    }
    return values;
  }

 private:
  [[nodiscard]] std::size_t width() const { return type_ == CUDA_R_32F ? 4 : 2; }

  cudaDataType type_;
  cuda::PinnedBuffer<std::byte> host_;
  cuda::DeviceBuffer<std::byte> device_;
};

class MatmulMemory {
 public:
  MatmulMemory(const MatmulShape& shape, const MatmulNumbers& numbers, const cuda::Stream& stream)
      : a_(numbers.a, shape.operands, stream),
        b_(numbers.b, shape.operands, stream),
        c_(numbers.c, shape.result, stream),
        d_(numbers.d, shape.result, stream),
        bias_(numbers.bias, shape.result, stream),
        host_mask_(numbers.mask.size()),
        mask_(numbers.mask.size(), stream.view()),
        workspace_(1 << 16, stream.view()) {
    std::memcpy(host_mask_.data(), numbers.mask.data(), numbers.mask.size());
    cuda::copy_async(mask_.view(), host_mask_.view(), stream.view());
  }

  [[nodiscard]] MatmulCall::Memory view() const {
    return {a_.data(), b_.data(), c_.data(), d_.data(), workspace_.data(), workspace_.size()};
  }
  // Names what the epilogue needs in the call's descriptor.
  void give_to(const MatmulCall& call) const {
    static_cast<void>(call.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias_.data()));
    static_cast<void>(call.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, static_cast<void*>(mask_.data())));
    static_cast<void>(
        call.prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{workspace_.size()}));
  }

  [[nodiscard]] std::vector<float> d(const cuda::Stream& stream) const { return d_.read(stream); }
  [[nodiscard]] std::vector<float> bias(const cuda::Stream& stream) const { return bias_.read(stream); }
  [[nodiscard]] std::vector<std::uint8_t> mask(const cuda::Stream& stream) const {
    cuda::copy_async(host_mask_.view(), mask_.view(), stream.view());
    stream.synchronize();
    return {host_mask_.view().begin(), host_mask_.view().end()};
  }

 private:
  MatmulArray a_, b_, c_, d_, bias_;
  cuda::PinnedBuffer<std::uint8_t> host_mask_;
  cuda::DeviceBuffer<std::uint8_t> mask_;
  cuda::DeviceBuffer<std::byte> workspace_;
};

}  // namespace millrace
