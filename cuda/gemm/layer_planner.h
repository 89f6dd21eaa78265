// Chooses who computes a layer's products, and by which algorithm.
//
// The products of one layer are chosen together, since what one does another need not:
//
//   mask         forward leaves the ReLU's bit mask, the data gradient goes by it; db with the weight
//   gradient mask_bias    the same; db with the data gradient activation   the data gradient goes by the
//   activations, so forward leaves no mask
//
// Without tuning the first of these that there is, by the first library that has it, as that advises. With
// tuning, every algorithm of every library that is worth it is timed, and the products are taken that
// together are fastest. What an earlier planner chose is taken up where it can be used, without timing.
#pragma once

#include <cuda_runtime_api.h>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "cuda/gemm/dense_products.h"

namespace millrace::cuda {

// What was chosen. Layers by their shape, as "train 32x12x128x256": rows, inputs, outputs, outputs of the
// layer above; or "score 32x12x128". Each says "mask cublaslt:… cudnn:… cublaslt:…": how its products fit
// together, then forward, data gradient, weight gradient, as far as there are any.
struct ProductChoices {
  std::map<std::string, std::string> libraries;  // name → version, of those that a layer names
  std::map<std::string, std::string> layers;
};

// What a shape does not need is null.
struct LayerProducts {
  std::unique_ptr<Product> forward;
  std::unique_ptr<Product> data_gradient;
  std::unique_ptr<Product> weight_gradient;
};

class LayerPlanner {
 public:
  // The libraries in the order of preference; they outlive what is planned, as members of this.
  LayerPlanner(ProductLibraries libraries, bool tune, ProductChoices earlier, cudaStream_t stream);

  // Rests are the few batches that are shorter than others: no library but the first is asked for them, since
  // cuDNN takes half a second to compile an algorithm.
  enum class Batches { most, rests };
  // Throws DeviceError where no library has algorithms that are allowed.
  [[nodiscard]] LayerProducts plan(const DenseLayer& layer, Batches batches);

  // What was planned so far.
  [[nodiscard]] const ProductChoices& choices() const { return choices_; }
  // Why choices of the earlier planner could not be taken up, each a clause about a library.
  [[nodiscard]] const std::set<std::string>& lost() const { return lost_; }

 private:
  struct Scheme;
  struct Plan;

  [[nodiscard]] std::optional<Plan> take_up(const DenseLayer& layer, const ProductChoices& earlier);
  [[nodiscard]] Plan choose(const DenseLayer& layer, Batches batches) const;
  // The best of the product's candidates, of all libraries or of the first.
  struct Best;
  [[nodiscard]] std::optional<Best> best_of(const DenseProduct& product, const DenseLayer& layer,
                                            Batches batches) const;
  // The library that a choice names; null, with the reason in lost_: it is not here as it was.
  [[nodiscard]] ProductLibrary* library_as_it_was(const std::string& name, const ProductChoices& earlier);

  const ProductLibraries libraries_;
  const bool tune_;
  const ProductChoices earlier_;
  const cudaStream_t stream_;
  ProductChoices choices_;
  std::set<std::string> lost_;
};

}  // namespace millrace::cuda
