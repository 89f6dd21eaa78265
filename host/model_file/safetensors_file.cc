#include "model_file/safetensors_file.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <utility>

#include "millrace/errors.h"

#include "model_file/model_facts.h"
#include "model_file/model_file_error.h"
#include "state/durable_file.h"

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

static_assert(std::endian::native == std::endian::little, "tensors are little-endian");

constexpr std::size_t kLengthBytes = sizeof(std::uint64_t);
constexpr std::size_t kAlignment = 8;
constexpr std::uint64_t kMostHeaderBytes = 100'000'000;  // as the format says
constexpr const char* kMetadata = "__metadata__";
constexpr const char* kWriteAnew = "write it anew, or fetch it again";

// --- writing

// [in, out] to [out, in].
void append_transposed(std::string& bytes, std::span<const float> weights, std::size_t in, std::size_t out) {
  std::vector<float> transposed(weights.size());
  for (std::size_t i = 0; i < in; ++i) {
    for (std::size_t o = 0; o < out; ++o) transposed[o * in + i] = weights[i * out + o];
  }
  bytes.append(reinterpret_cast<const char*>(transposed.data()), transposed.size() * sizeof(float));
}

Json metadata_of(const Checkpoint& checkpoint) {
  Json metadata{{"format", "pt"}};
  for (const auto& [key, value] : model_facts(checkpoint)) metadata[key] = value;
  const FeatureScaling inputs = input_scaling(checkpoint);
  metadata["inputs"] =
      Json{{"missing", inputs.substitute}, {"shift", inputs.shift}, {"factor", inputs.factor}}.dump();
  const StandardizerState& moments = checkpoint.model.standardizer;
  if (!moments.count.empty()) {
    metadata["standardizer"] =
        Json{{"count", moments.count}, {"mean", moments.mean}, {"m2", moments.m2}}.dump();
  }
  return metadata;
}

// --- reading

struct Tensor {
  std::vector<std::uint64_t> dims;
  std::uint64_t begin = 0;  // in bytes from the first tensor
  std::uint64_t end = 0;
};

// Numbers within names by value: "2.bias" stands before "10.bias".
struct NaturalOrder {
  static bool digit(char letter) { return letter >= '0' && letter <= '9'; }
  static std::string_view take_number(std::string_view& text) {
    const std::size_t length = static_cast<std::size_t>(std::ranges::find_if_not(text, digit) - text.begin());
    std::string_view number = text.substr(0, length);
    text.remove_prefix(length);
    number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
    return number;
  }
  bool operator()(std::string_view a, std::string_view b) const {
    const std::pair whole{a, b};
    while (!a.empty() && !b.empty()) {
      if (digit(a.front()) && digit(b.front())) {
        const std::string_view x = take_number(a);
        const std::string_view y = take_number(b);
        if (x.size() != y.size()) return x.size() < y.size();
        if (x != y) return x < y;
      } else {
        if (a.front() != b.front()) return a.front() < b.front();
        a.remove_prefix(1);
        b.remove_prefix(1);
      }
    }
    if (a.empty() != b.empty()) return a.empty();
    return whole.first < whole.second;
  }
};

// The parts of one file, and what is said where they do not fit.
class Reading {
 public:
  explicit Reading(const std::filesystem::path& file)
      : path_(file.string()), bytes_(read_whole(file, kLengthBytes, [&](auto first, std::uint64_t size) {
          check_length(first, size);
        })) {
    const auto* const text = reinterpret_cast<const char*>(bytes_.data()) + kLengthBytes;
    const auto header_bytes = static_cast<std::size_t>(length(bytes_));
    data_ = std::span(bytes_).subspan(kLengthBytes + header_bytes);
    const Json header = parsed({text, header_bytes}, "its header");
    for (const auto& [name, entry] : header.items()) {
      if (name == kMetadata) {
        take_metadata(entry);
      } else {
        tensors_[name] = tensor_of(name, entry);
      }
    }
    require_no_holes();
  }

  [[noreturn]] void refuse(std::string reason, std::string remedy) const {
    throw ModelFileError(path_, std::move(reason), std::move(remedy));
  }

  ImportedModel model() const {
    ImportedModel imported;
    take_layers(imported.model);
    imported.model.first_moment.resize(imported.model.parameters.size());
    imported.model.second_moment.resize(imported.model.parameters.size());
    take_standardizer(imported);
    take_feature_names(imported);
    if (const std::string* digest = fact("weights_digest")) imported.told_digest = *digest;
    return imported;
  }

 private:
  static std::uint64_t length(std::span<const std::byte> bytes) {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }

  void check_length(std::span<const std::byte> first, std::uint64_t file_bytes) const {
    if (first.size() < kLengthBytes) refuse("it is too short for a safetensors file", kWriteAnew);
    const std::uint64_t header = length(first);
    if (header > kMostHeaderBytes) refuse("it is not a safetensors file", "name one");
    if (header > file_bytes - kLengthBytes) refuse("it is cut off within its header", kWriteAnew);
  }

  Json parsed(std::string_view text, std::string_view what) const {
    Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) refuse(fmt::format("{} is not a JSON object", what), kWriteAnew);
    return json;
  }

  void take_metadata(const Json& entry) {
    if (!entry.is_object()) refuse("its __metadata__ is not an object", kWriteAnew);
    for (const auto& [key, value] : entry.items()) {
      if (!value.is_string()) refuse("its __metadata__ holds what is not a text", kWriteAnew);
      metadata_[key] = value.get<std::string>();
    }
  }

  Tensor tensor_of(const std::string& name, const Json& entry) const {
    const auto damaged = [&]() { refuse(fmt::format("its entry of {} is not valid", name), kWriteAnew); };
    if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") ||
        !entry.contains("data_offsets") || !entry["dtype"].is_string() || !entry["shape"].is_array()) {
      damaged();
    }
    const auto type = entry["dtype"].get<std::string>();
    if (type != "F32") {
      refuse(fmt::format("its tensor {} is {}, and millrace takes F32", name, type),
             "convert the model, in PyTorch with model.float(), and save it again");
    }
    Tensor tensor;
    const auto numbers = [&](const Json& list) {
      std::vector<std::uint64_t> values;
      for (const Json& each : list) {
        if (!each.is_number_unsigned()) damaged();
        values.push_back(each.get<std::uint64_t>());
      }
      return values;
    };
    tensor.dims = numbers(entry["shape"]);
    const std::vector<std::uint64_t> offsets =
        entry["data_offsets"].is_array() ? numbers(entry["data_offsets"]) : std::vector<std::uint64_t>{};
    if (offsets.size() != 2 || offsets[0] > offsets[1]) damaged();
    tensor.begin = offsets[0];
    tensor.end = offsets[1];
    if (tensor.end > data_.size()) refuse(fmt::format("it is cut off within {}", name), kWriteAnew);
    std::uint64_t count = (tensor.end - tensor.begin) / sizeof(float);  // divided out, so nothing overflows
    for (const std::uint64_t dim : tensor.dims) {
      if (dim == 0 || count % dim != 0) damaged();
      count /= dim;
    }
    if (count != 1 || (tensor.end - tensor.begin) % sizeof(float) != 0) damaged();
    return tensor;
  }

  void require_no_holes() const {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
    for (const auto& [name, tensor] : tensors_) ranges.emplace_back(tensor.begin, tensor.end);
    std::ranges::sort(ranges);
    std::uint64_t at = 0;
    for (const auto& [begin, end] : ranges) {
      if (begin != at) refuse("its tensors overlap, or leave bytes between them", kWriteAnew);
      at = end;
    }
    if (at != data_.size()) refuse("it holds bytes after its tensors", kWriteAnew);
  }

  // The weights in the order of the layers, each followed by its bias.
  void take_layers(ModelState& model) const {
    const std::string remedy =
        "a model that millrace can train is a chain of dense layers with ReLU between them and one output, "
        "saved as NAME.weight [out, in] and NAME.bias [out]";
    if (tensors_.empty()) refuse("it holds no tensor", remedy);
    std::vector<std::pair<std::string, const Tensor*>> weights;
    for (const auto& [name, tensor] : tensors_) {
      if (name.ends_with(".weight") && tensor.dims.size() == 2) {
        weights.emplace_back(name.substr(0, name.size() - std::string_view("weight").size()), &tensor);
      } else if (!name.ends_with(".bias") || tensor.dims.size() != 1) {
        refuse(
            fmt::format("its tensor {} [{}] belongs to no dense layer", name, fmt::join(tensor.dims, ", ")),
            remedy);
      }
    }
    if (weights.size() * 2 != tensors_.size()) refuse("not every weight has a bias, or the reverse", remedy);
    std::vector<std::uint32_t>& widths = model.shape.widths;
    for (const auto& [layer, tensor] : weights) {
      const auto bias = tensors_.find(layer + "bias");
      const std::uint64_t out = tensor->dims[0];
      const std::uint64_t in = tensor->dims[1];
      if (bias == tensors_.end()) refuse(fmt::format("{}bias is missing", layer), remedy);
      if (bias->second.dims[0] != out || (!widths.empty() && widths.back() != in) ||
          !std::in_range<std::uint32_t>(out) || !std::in_range<std::uint32_t>(in)) {
        refuse(fmt::format("{}weight [{}, {}] does not fit what is beside it", layer, out, in), remedy);
      }
      if (widths.empty()) widths.push_back(static_cast<std::uint32_t>(in));
      widths.push_back(static_cast<std::uint32_t>(out));
      const std::vector<float> rows = copied(*tensor, layer + "weight");
      for (std::size_t i = 0; i < in; ++i) {
        for (std::size_t o = 0; o < out; ++o) model.parameters.push_back(rows[o * in + i]);
      }
      const std::vector<float> biases = copied(bias->second, layer + "bias");
      model.parameters.insert(model.parameters.end(), biases.begin(), biases.end());
    }
    if (widths.size() < 3) refuse("it has no hidden layer", remedy);
    if (widths.back() != 1) {
      refuse(fmt::format("its last layer has {} outputs, and millrace trains one", widths.back()), remedy);
    }
  }

  std::vector<float> copied(const Tensor& tensor, const std::string& name) const {
    std::vector<float> numbers(static_cast<std::size_t>((tensor.end - tensor.begin) / sizeof(float)));
    std::memcpy(numbers.data(), data_.data() + tensor.begin, numbers.size() * sizeof(float));
    if (!std::ranges::all_of(numbers, [](float value) { return std::isfinite(value); })) {
      refuse(fmt::format("{} holds a number that is not finite", name), "take weights from before that");
    }
    return numbers;
  }

  const std::string* fact(const char* key) const {
    const auto found = metadata_.find(key);
    return found == metadata_.end() ? nullptr : &found->second;
  }

  void take_standardizer(ImportedModel& imported) const {
    const std::size_t features = imported.model.shape.features();
    const std::string remedy = "correct the metadata, or save the file without it";
    StandardizerState& state = imported.model.standardizer;
    state = {std::vector<double>(features), std::vector<double>(features), std::vector<double>(features)};
    if (const std::string* standardize = fact("standardize")) {
      if (*standardize != "true" && *standardize != "false") {
        refuse("its metadata's standardize is neither true nor false", remedy);
      }
      imported.standardize = *standardize == "true";
    }
    const std::string* const told = fact("standardizer");
    if (told == nullptr) {
      if (imported.standardize) refuse("its metadata says standardize, and lacks the standardizer", remedy);
      return;
    }
    const Json json = parsed(*told, "its metadata's standardizer");
    const auto take = [&](const char* name, std::vector<double>& into, bool negative_allowed) {
      const auto found = json.find(name);
      bool valid = found != json.end() && found->is_array() && found->size() == features;
      for (std::size_t f = 0; valid && f < features; ++f) {
        valid = (*found)[f].is_number();
        if (valid) into[f] = (*found)[f].get<double>();
        valid = valid && std::isfinite(into[f]) && (negative_allowed || into[f] >= 0);
      }
      if (!valid) {
        refuse(fmt::format("its metadata's standardizer has no valid {} of {} features", name, features),
               remedy);
      }
    };
    take("count", state.count, false);
    take("mean", state.mean, true);
    take("m2", state.m2, false);
    for (std::size_t f = 0; f < features; ++f) {
      if (state.count[f] == 0 && (state.mean[f] != 0 || state.m2[f] != 0)) {
        refuse("its metadata's standardizer has moments of a feature without a count", remedy);
      }
    }
  }

  void take_feature_names(ImportedModel& imported) const {
    const std::string* const told = fact("feature_names");
    if (told == nullptr) return;
    const Json json = Json::parse(*told, nullptr, /*allow_exceptions=*/false);
    const bool texts =
        json.is_array() && std::ranges::all_of(json, [](const Json& each) { return each.is_string(); });
    if (!texts || (!json.empty() && json.size() != imported.model.shape.features())) {
      refuse("its metadata's feature_names is not a list of one name for each feature",
             "correct the metadata, or save the file without it");
    }
    imported.feature_names = json.get<std::vector<std::string>>();
  }

  std::string path_;
  std::vector<std::byte> bytes_;
  std::span<const std::byte> data_;  // the tensors
  std::map<std::string, Tensor, NaturalOrder> tensors_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace

std::string encode_safetensors(const Checkpoint& checkpoint) {
  const ModelState& model = checkpoint.model;
  Json header{{kMetadata, metadata_of(checkpoint)}};
  std::string data;
  const auto enter = [&](std::string name, std::vector<std::size_t> dims, const auto& append) {
    const std::size_t begin = data.size();
    append();
    header[std::move(name)] = {
        {"dtype", "F32"}, {"shape", std::move(dims)}, {"data_offsets", {begin, data.size()}}};
  };
  for (std::size_t layer = 0; layer < model.shape.layers(); ++layer) {
    const std::size_t in = model.shape.widths[layer];
    const std::size_t out = model.shape.widths[layer + 1];
    const auto parameters = std::span(model.parameters).subspan(model.shape.offset(layer));
    // Between two Linear modules of a Sequential stands a ReLU, which has a number too.
    enter(fmt::format("{}.weight", 2 * layer), {out, in},
          [&] { append_transposed(data, parameters.first(in * out), in, out); });
    enter(fmt::format("{}.bias", 2 * layer), {out}, [&] {
      data.append(reinterpret_cast<const char*>(parameters.data() + in * out), out * sizeof(float));
    });
  }
  std::string text = header.dump();
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  const std::uint64_t length = text.size();
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
  bytes += text;
  bytes += data;
  return bytes;
}

ImportedModel read_safetensors(const std::filesystem::path& file) { return Reading(file).model(); }

}  // namespace millrace
