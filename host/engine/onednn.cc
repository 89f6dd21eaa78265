#include "engine/onednn.h"

#include <dnnl_debug.h>

namespace millrace {
namespace {

const char* name_of_isa(dnnl::cpu_isa isa) {
  switch (isa) {
    case dnnl::cpu_isa::sse41:
      return "sse41";
    case dnnl::cpu_isa::avx:
      return "avx";
    case dnnl::cpu_isa::avx2:
      return "avx2";
    case dnnl::cpu_isa::avx2_vnni:
      return "avx2_vnni";
    case dnnl::cpu_isa::avx512_core:
      return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "avx512_core_bf16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "avx512_core_amx";
    default:
      return "generic";
  }
}

}  // namespace

std::string onednn_description() {
  const dnnl::version_t* version = dnnl::version();
  return "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
         std::to_string(version->patch) + ", " + name_of_isa(dnnl::get_effective_cpu_isa());
}

void onednn_check(dnnl_status_t status, const char* call) {
  if (status != dnnl_success) throw DeviceError(std::string(call) + ": " + dnnl_status2str(status));
}

BoundPrimitive::BoundPrimitive(dnnl::primitive primitive, Arguments arguments)
    : primitive_(std::move(primitive)) {
  for (const auto& [name, memory] : arguments) {
    memories_.push_back(memory);
    arguments_.push_back({name, memory.get()});
  }
}

void BoundPrimitive::run(const OneDnn& onednn) const {
  onednn_check(dnnl_primitive_execute(primitive_.get(), onednn.stream.get(),
                                      static_cast<int>(arguments_.size()), arguments_.data()),
               "dnnl_primitive_execute");
}

}  // namespace millrace
