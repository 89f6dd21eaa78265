// How this room calls oneDNN: one engine and stream, and primitives that are bound to their memory once.
#pragma once

#include <dnnl.hpp>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "millrace/errors.h"

namespace millrace {

// Owned by an engine; one thread at a time.
struct OneDnn {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
};

// "oneDNN 2.6.3, avx512_core_bf16": the version and the instruction set in use.
[[nodiscard]] std::string onednn_description();

// Throws DeviceError with the call and the status' own name unless the call succeeded.
void onednn_check(dnnl_status_t status, const char* call);

// A primitive with its arguments. Running it allocates nothing here (oneDNN builds a small map inside).
class BoundPrimitive {
 public:
  using Arguments = std::initializer_list<std::pair<int, dnnl::memory>>;

  BoundPrimitive(dnnl::primitive primitive, Arguments arguments);

  void run(const OneDnn& onednn) const;

 private:
  dnnl::primitive primitive_;
  std::vector<dnnl::memory> memories_;  // keeps alive what arguments_ points to
  std::vector<dnnl_exec_arg_t> arguments_;
};

}  // namespace millrace
