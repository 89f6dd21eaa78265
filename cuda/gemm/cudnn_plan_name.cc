#include "cuda/gemm/cudnn_plan_name.h"

#include <charconv>
#include <cudnn_graph.h>
#include <system_error>

namespace millrace::cuda {
namespace {

// Both take what they find off the front of `text`.
bool skip(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

template <class Integer>
bool read(std::string_view& text, Integer& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

}  // namespace

std::optional<CudnnPlanName> parse_cudnn_plan_name(std::string_view text) {
  CudnnPlanName name;
  if (!skip(text, "eng") || !read(text, name.engine) || name.engine < 0) return std::nullopt;
  while (!text.empty()) {
    int knob = 0;
    std::int64_t value = 0;
    if (!skip(text, "_k") || !read(text, knob) || knob < 0 || !skip(text, "=") || !read(text, value) ||
        !name.knobs.emplace(knob, value).second) {
      return std::nullopt;
    }
  }
  return name;
}

bool splits_sums(const CudnnPlanName& plan) {
  const auto value = [&](int knob) {
    const auto found = plan.knobs.find(knob);
    return found == plan.knobs.end() ? std::int64_t{0} : found->second;
  };
  return value(CUDNN_KNOB_TYPE_SPLIT_K_BUF) > 1 || value(CUDNN_KNOB_TYPE_SPLIT_K_SLC) > 1 ||
         value(CUDNN_KNOB_TYPE_STREAM_K) > 0;
}

}  // namespace millrace::cuda
