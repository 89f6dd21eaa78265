#include "cuda/gemm/layer_planner.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <limits>
#include <span>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/errors.h"

#include "cuda/check.h"
#include "cuda/stream.h"

namespace millrace::cuda {
namespace {

constexpr int kTimedRuns = 5;

// The shortest of some runs; the first of all is not counted, since it loads what is loaded lazily.
float time_of(const Product& product, cudaStream_t stream) {
  const Event begin(Event::Timing::on);
  const Event end(Event::Timing::on);
  float best_ms = std::numeric_limits<float>::infinity();
  for (int run = 0; run <= kTimedRuns; ++run) {
    MILLRACE_CUDA_CHECK(cudaEventRecord(begin.view(), stream));
    product.run_async(stream);
    MILLRACE_CUDA_CHECK(cudaEventRecord(end.view(), stream));
    end.wait();
    if (run > 0) best_ms = std::min(best_ms, elapsed(begin, end).count());
  }
  return best_ms;
}

bool has_data_gradient(const DenseShape& shape) { return shape.trains && shape.above != 0; }

std::string name_of(const DenseShape& shape) {
  std::string name =
      fmt::format("{} {}x{}x{}", shape.trains ? "train" : "score", shape.rows, shape.inputs, shape.outputs);
  if (has_data_gradient(shape)) name += fmt::format("x{}", shape.above);
  return name;
}

std::unique_ptr<Product>& product_of(LayerProducts& products, ProductKind kind) {
  switch (kind) {
    case ProductKind::forward:
      return products.forward;
    case ProductKind::data_gradient:
      return products.data_gradient;
    case ProductKind::weight_gradient:
      break;
  }
  return products.weight_gradient;
}

// The three as states had them when cuBLASLt was the only library: by m, n and k of each product.
std::optional<std::string> choice_by_product(const ProductChoices& earlier, const DenseShape& shape) {
  const auto [rows, inputs, outputs, above, math, trains] = shape;
  std::vector<std::string> names = {fmt::format("forward {}x{}x{}", outputs, rows, inputs)};
  if (has_data_gradient(shape)) names.push_back(fmt::format("data_gradient {}x{}x{}", outputs, rows, above));
  if (trains) names.push_back(fmt::format("weight_gradient {}x{}x{}", outputs, inputs, rows));
  std::string choice = has_data_gradient(shape) ? "mask" : "activation";
  for (const std::string& name : names) {
    const auto found = earlier.layers.find(name);
    if (found == earlier.layers.end()) return std::nullopt;
    choice += " cublaslt:" + found->second;
  }
  return choice;
}

std::optional<std::string> choice_in(const ProductChoices& earlier, const DenseShape& shape) {
  const auto found = earlier.layers.find(name_of(shape));
  return found != earlier.layers.end() ? std::optional(found->second) : choice_by_product(earlier, shape);
}

}  // namespace

// How a layer's products fit together.
struct LayerPlanner::Scheme {
  const char* name;
  DenseProduct forward;
  DenseProduct data_gradient;
  DenseProduct weight_gradient;

  // What a layer of that shape needs.
  [[nodiscard]] std::vector<DenseProduct> products(const DenseShape& shape) const {
    std::vector<DenseProduct> needed = {forward};
    if (has_data_gradient(shape)) needed.push_back(data_gradient);
    if (shape.trains) needed.push_back(weight_gradient);
    return needed;
  }

  // Without a data gradient nothing needs a mask, or can make the bias gradient elsewhere.
  [[nodiscard]] static std::span<const Scheme> of(const DenseShape& shape) {
    using enum ProductKind;
    static constexpr std::array kSchemes = {
        Scheme{"mask",
               {.kind = forward, .masks = true},
               {.kind = data_gradient, .masks = true},
               {.kind = weight_gradient, .bias_gradient = true}},
        Scheme{"mask_bias",
               {.kind = forward, .masks = true},
               {.kind = data_gradient, .masks = true, .bias_gradient = true},
               {.kind = weight_gradient}},
        Scheme{"activation",
               {.kind = forward},
               {.kind = data_gradient},
               {.kind = weight_gradient, .bias_gradient = true}}};
    return has_data_gradient(shape) ? std::span<const Scheme>(kSchemes)
                                    : std::span<const Scheme>(kSchemes).last(1);
  }
};

struct LayerPlanner::Plan {
  std::string choice;
  LayerProducts products;
  std::vector<const ProductLibrary*> libraries;

  // Products come in the order in which a choice names them.
  void add(const ProductLibrary& library, std::string_view algorithm, ProductKind kind,
           std::unique_ptr<Product> product) {
    choice += fmt::format(" {}:{}", library.name(), algorithm);
    libraries.push_back(&library);
    product_of(products, kind) = std::move(product);
  }
};

struct LayerPlanner::Best {
  const ProductLibrary* library;
  Candidate candidate;
  float ms;
};

LayerPlanner::LayerPlanner(ProductLibraries libraries, bool tune, ProductChoices earlier, cudaStream_t stream)
    : libraries_(std::move(libraries)), tune_(tune), earlier_(std::move(earlier)), stream_(stream) {}

// Layers of one shape have one choice: the first layer's.
LayerProducts LayerPlanner::plan(const DenseLayer& layer, Batches batches) {
  std::optional<Plan> plan = take_up(layer, choices_);
  if (!plan) plan = take_up(layer, earlier_);
  if (!plan) plan = choose(layer, batches);
  choices_.layers[name_of(layer.shape)] = plan->choice;
  for (const ProductLibrary* library : plan->libraries) {
    choices_.libraries[std::string(library->name())] = library->version();
  }
  return std::move(plan->products);
}

std::optional<LayerPlanner::Plan> LayerPlanner::take_up(const DenseLayer& layer,
                                                        const ProductChoices& earlier) {
  const std::optional<std::string> choice = choice_in(earlier, layer.shape);
  if (!choice) return std::nullopt;
  std::istringstream words(*choice);
  Plan plan;
  words >> plan.choice;
  const auto schemes = Scheme::of(layer.shape);
  const auto scheme =
      std::ranges::find_if(schemes, [&](const Scheme& one) { return one.name == plan.choice; });
  if (scheme == schemes.end()) return std::nullopt;
  for (const DenseProduct& product : scheme->products(layer.shape)) {
    std::string word;
    words >> word;
    const std::size_t colon = std::min(word.find(':'), word.size());
    ProductLibrary* library = library_as_it_was(word.substr(0, colon), earlier);
    if (library == nullptr) return std::nullopt;
    const std::string algorithm = word.substr(std::min(colon + 1, word.size()));
    std::unique_ptr<Product> made = library->by(algorithm, product, layer, stream_);
    if (made == nullptr) {
      lost_.insert(
          fmt::format("{} {} does not take an algorithm any more", library->name(), library->version()));
      return std::nullopt;
    }
    plan.add(*library, algorithm, product.kind, std::move(made));
  }
  return plan;
}

ProductLibrary* LayerPlanner::library_as_it_was(const std::string& name, const ProductChoices& earlier) {
  const auto now =
      std::ranges::find_if(libraries_, [&](const auto& library) { return library->name() == name; });
  const auto was = earlier.libraries.find(name);
  const std::string version = was == earlier.libraries.end() ? "of an unknown version" : was->second;
  if (now == libraries_.end()) {
    lost_.insert(fmt::format("{} {} is not here", name, version));
    return nullptr;
  }
  if ((*now)->version() == version) return now->get();
  lost_.insert(fmt::format("{} {} is here, and it was {}", name, (*now)->version(), version));
  return nullptr;
}

LayerPlanner::Plan LayerPlanner::choose(const DenseLayer& layer, Batches batches) const {
  std::map<DenseProduct, std::optional<Best>> known;  // schemes share products
  const auto best = [&](const DenseProduct& product) -> std::optional<Best>& {
    const auto found = known.find(product);
    if (found != known.end()) return found->second;
    return known.emplace(product, best_of(product, layer, batches)).first->second;
  };
  const Scheme* fastest = nullptr;
  float fastest_ms = std::numeric_limits<float>::infinity();
  for (const Scheme& scheme : Scheme::of(layer.shape)) {
    const auto products = scheme.products(layer.shape);
    if (!std::ranges::all_of(products, [&](const DenseProduct& one) { return best(one).has_value(); })) {
      continue;
    }
    float ms = 0;
    for (const DenseProduct& product : products) ms += best(product)->ms;
    if (fastest != nullptr && ms >= fastest_ms) continue;
    fastest = &scheme;
    fastest_ms = ms;
    if (!tune_) break;
  }
  if (fastest == nullptr) {
    std::string asked;
    for (const auto& library : libraries_)
      asked += fmt::format(" {} {}", library->name(), library->version());
    throw DeviceError(
        fmt::format("no library has algorithms for the layer {}; asked were{}", name_of(layer.shape), asked));
  }
  Plan plan{fastest->name, {}, {}};
  for (const DenseProduct& product : fastest->products(layer.shape)) {
    Best& taken = *best(product);
    plan.add(*taken.library, taken.candidate.algorithm, product.kind, std::move(taken.candidate.product));
  }
  return plan;
}

std::optional<LayerPlanner::Best> LayerPlanner::best_of(const DenseProduct& product, const DenseLayer& layer,
                                                        Batches batches) const {
  std::optional<Best> best;
  for (const auto& library : libraries_) {
    const auto advice = tune_ ? ProductLibrary::Advice::worth_timing : ProductLibrary::Advice::best;
    for (Candidate& candidate : library->candidates(product, layer, advice, stream_)) {
      const float ms = tune_ ? time_of(*candidate.product, stream_) : 0.0F;
      if (!best || ms < best->ms) best = Best{library.get(), std::move(candidate), ms};
    }
    if (batches == Batches::rests || (best && !tune_)) break;
  }
  return best;
}

}  // namespace millrace::cuda
