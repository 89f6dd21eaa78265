#include "model_file/onnx_file.h"

#include <bit>
#include <fmt/format.h>
#include <initializer_list>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "model_file/model_facts.h"
#include "model_file/model_file_error.h"
#include "model_file/protobuf_writer.h"

namespace millrace {
namespace {

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

constexpr std::int64_t kFloat = 1;  // TensorProto.DataType
// Protocol Buffers' limit of 2 GiB, less what a header may take.
constexpr std::size_t kMostParameters = ((std::size_t{1} << 31) - (std::size_t{1} << 24)) / sizeof(float);

// Numbers of fields, from onnx.proto3.
namespace field {
enum Model : std::uint32_t {
  kIrVersion = 1,
  kProducerName = 2,
  kProducerVersion = 3,
  kModelVersion = 5,
  kDocString = 6,
  kGraph = 7,
  kOpsetImport = 8,
  kMetadata = 14
};
enum Opset : std::uint32_t { kDomain = 1, kVersion = 2 };
enum Pair : std::uint32_t { kKey = 1, kValue = 2 };
enum Graph : std::uint32_t { kNode = 1, kGraphName = 2, kInitializer = 5, kInput = 11, kOutput = 12 };
enum Node : std::uint32_t { kNodeInput = 1, kNodeOutput = 2, kNodeName = 3, kOperator = 4 };
enum Tensor : std::uint32_t { kDims = 1, kDataType = 2, kTensorName = 8, kRawData = 9 };
enum ValueInfo : std::uint32_t { kValueName = 1, kType = 2 };
enum Type : std::uint32_t { kTensorType = 1 };
enum TensorType : std::uint32_t { kElementType = 1, kShape = 2 };
enum Shape : std::uint32_t { kDim = 1 };
enum Dim : std::uint32_t { kDimValue = 1, kDimName = 2 };
}  // namespace field

// A matrix of floats with any number of rows.
ProtobufMessage rows_of(std::string_view name, std::int64_t columns) {
  ProtobufMessage shape;
  shape.message(field::kDim, ProtobufMessage().text(field::kDimName, "rows"))
      .message(field::kDim, ProtobufMessage().integer(field::kDimValue, columns));
  ProtobufMessage tensor;
  tensor.integer(field::kElementType, kFloat).message(field::kShape, shape);
  ProtobufMessage value;
  value.text(field::kValueName, name)
      .message(field::kType, ProtobufMessage().message(field::kTensorType, tensor));
  return value;
}

// Nodes and constants, in the order in which they are computed.
class GraphWriter {
 public:
  // Returns the name of the constant.
  std::string constant(const std::string& name, std::initializer_list<std::int64_t> dims,
                       std::span<const float> values) {
    ProtobufMessage tensor;
    for (const std::int64_t dim : dims) tensor.integer(field::kDims, dim);
    tensor.integer(field::kDataType, kFloat)
        .text(field::kTensorName, name)
        .text(field::kRawData, {reinterpret_cast<const char*>(values.data()), values.size_bytes()});
    graph_.message(field::kInitializer, tensor);
    return name;
  }

  // Returns the name of the node's output, which is the node's own.
  std::string node(std::string_view operation, std::initializer_list<std::string> inputs,
                   const std::string& output) {
    ProtobufMessage node;
    for (const std::string& input : inputs) node.text(field::kNodeInput, input);
    node.text(field::kNodeOutput, output).text(field::kNodeName, output).text(field::kOperator, operation);
    graph_.message(field::kNode, node);
    return output;
  }

  ProtobufMessage finish(const ProtobufMessage& input, const ProtobufMessage& output) && {
    graph_.text(field::kGraphName, "millrace").message(field::kInput, input).message(field::kOutput, output);
    return std::move(graph_);
  }

 private:
  ProtobufMessage graph_;
};

// The features as the first layer takes them.
std::string scaled_features(GraphWriter& graph, const Checkpoint& checkpoint) {
  const FeatureScaling scaling = input_scaling(checkpoint);
  const auto features = static_cast<std::int64_t>(scaling.shift.size());
  std::vector<float> mean_high, mean_low, factor;
  for (std::size_t f = 0; f < scaling.substitute.size(); ++f) {
    mean_high.push_back(static_cast<float>(scaling.substitute[f]));
    mean_low.push_back(static_cast<float>(scaling.substitute[f] - static_cast<double>(mean_high[f])));
    factor.push_back(static_cast<float>(scaling.factor[f]));
  }
  const std::string missing = graph.node("IsNaN", {"features"}, "missing");
  const std::string mean = graph.constant("mean", {features}, mean_high);
  if (!checkpoint.settings.training.standardize) {
    return graph.node("Where", {missing, mean, "features"}, "present");
  }
  const std::string about = graph.node("Sub", {"features", mean}, "about_the_mean");
  const std::string centred =
      graph.node("Sub", {about, graph.constant("mean_rest", {features}, mean_low)}, "centred");
  const std::string scaled =
      graph.node("Mul", {centred, graph.constant("factor", {features}, factor)}, "scaled");
  const std::vector<float> zero{0.0F};  // the mean, once it was subtracted
  return graph.node("Where", {missing, graph.constant("zero", {1}, zero), scaled}, "present");
}

ProtobufMessage graph_of(const Checkpoint& checkpoint) {
  const NetworkShape& shape = checkpoint.model.shape;
  GraphWriter graph;
  std::string values = scaled_features(graph, checkpoint);
  for (std::size_t layer = 0; layer < shape.layers(); ++layer) {
    const std::size_t in = shape.widths[layer];
    const std::size_t out = shape.widths[layer + 1];
    const auto parameters = std::span(checkpoint.model.parameters).subspan(shape.offset(layer));
    const std::string weights = graph.constant(
        fmt::format("layer{}.weight", layer), {static_cast<std::int64_t>(in), static_cast<std::int64_t>(out)},
        parameters.first(in * out));
    const std::string bias =
        graph.constant(fmt::format("layer{}.bias", layer), {static_cast<std::int64_t>(out)},
                       parameters.subspan(in * out, out));
    const bool last = layer + 1 == shape.layers();
    values = graph.node("Gemm", {values, weights, bias}, last ? "logit" : fmt::format("layer{}", layer));
    if (!last) values = graph.node("Relu", {values}, fmt::format("layer{}.relu", layer));
  }
  graph.node("Sigmoid", {values}, "probability");
  return std::move(graph).finish(rows_of("features", shape.features()), rows_of("probability", 1));
}

}  // namespace

std::string encode_onnx(const Checkpoint& checkpoint, const std::string& path) {
  if (checkpoint.model.parameters.size() > kMostParameters) {
    throw ModelFileError(path, "one ONNX file holds 2 GiB at most, and the model is larger",
                         "export it to a .safetensors file");
  }
  ProtobufMessage model;
  model.integer(field::kIrVersion, kOnnxIrVersion)
      .text(field::kProducerName, "millrace")
      .text(field::kProducerVersion, checkpoint.millrace_version)
      .integer(field::kModelVersion, static_cast<std::int64_t>(checkpoint.model.step))
      .text(field::kDocString,
            "Rows of features to the probability that a row's label is 1. NaN is a missing value.")
      .message(field::kGraph, graph_of(checkpoint))
      .message(field::kOpsetImport,
               ProtobufMessage().text(field::kDomain, "").integer(field::kVersion, kOnnxOpset));
  for (const auto& [key, value] : model_facts(checkpoint)) {
    model.message(field::kMetadata, ProtobufMessage().text(field::kKey, key).text(field::kValue, value));
  }
  return model.bytes();
}

}  // namespace millrace
