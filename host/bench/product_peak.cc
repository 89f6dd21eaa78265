#include "bench/product_peak.h"

#include <algorithm>
#include <cstdint>
#include <dnnl.hpp>

#include "bench/openmp_threads.h"
#include "bench/rounds.h"

namespace millrace {
namespace {

using Type = dnnl::memory::data_type;
using Layout = dnnl::memory::format_tag;

}  // namespace

std::string onednn_version() {
  const dnnl::version_t* version = dnnl::version();
  return "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
         std::to_string(version->patch);
}

struct ProductPeak::Product {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  dnnl::matmul::primitive_desc description;
  dnnl::memory a;
  dnnl::memory b;
  dnnl::memory c;
  dnnl::matmul product;

  Product(dnnl::memory::dim width, Type type)
      : description({{{width, width}, type, Layout::ab},
                     {{width, width}, type, Layout::any},
                     {{width, width}, Type::f32, Layout::ab}},
                    engine),
        a(description.src_desc(), engine),
        b(description.weights_desc(), engine),
        c(description.dst_desc(), engine),
        product(description) {
    // Neither infinite nor denormal in any of the types, which could slow it down.
    for (const dnnl::memory& memory : {a, b}) {
      std::fill_n(static_cast<std::uint8_t*>(memory.get_data_handle()), memory.get_desc().get_size(),
                  std::uint8_t{0x3D});
    }
  }
};

ProductPeak::ProductPeak(int threads, MathMode math, int width)
    : threads_(threads), flop_(2.0 * width * width * width) {
  const OpenMpThreads scope(threads_);
  product_ = std::make_unique<Product>(width, math == MathMode::bf16 ? Type::bf16 : Type::f32);
}
ProductPeak::~ProductPeak() = default;

double ProductPeak::flop_per_s() {
  const OpenMpThreads scope(threads_);
  const double seconds = seconds_of([this] {
    product_->product.execute(
        product_->stream,
        {{DNNL_ARG_SRC, product_->a}, {DNNL_ARG_WEIGHTS, product_->b}, {DNNL_ARG_DST, product_->c}});
    product_->stream.wait();
  });
  best_ = std::max(best_, flop_ / seconds);
  return best_;
}

double step_flop(const NetworkShape& shape, std::uint32_t batch) {
  double flop = 0;
  for (std::size_t layer = 0; layer < shape.layers(); ++layer) {
    flop += (layer == 0 ? 4.0 : 6.0) * shape.widths[layer] * shape.widths[layer + 1];
  }
  return flop * batch;
}

}  // namespace millrace
