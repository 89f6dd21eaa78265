#include "report/model_file_summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <span>

#include "report/figures.h"
#include "report/run_summary.h"

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

std::span<const std::uint32_t> hidden(const std::vector<std::uint32_t>& widths) {
  return std::span(widths).subspan(1, widths.size() - 2);
}

void add_network(Json& json, const std::vector<std::uint32_t>& widths, std::uint64_t parameters,
                 std::uint64_t digest) {
  json["features"] = widths.front();
  json["layers"] = std::vector<std::uint32_t>(hidden(widths).begin(), hidden(widths).end());
  json["parameters"] = parameters;
  json["weights_digest"] = fmt::format("{:016x}", digest);
}

std::string network_text(const std::vector<std::uint32_t>& widths, std::uint64_t parameters,
                         std::uint64_t digest) {
  return fmt::format("network {}, {} parameters, weights {:016x}", fmt::join(widths, "-"),
                     grouped(parameters), digest);
}

// A path need not be UTF-8, and JSON must be.
std::string text_of_json(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string json_of(const ExportSummary& summary) {
  Json json{{"schema_version", kSummarySchemaVersion},
            {"file", summary.file},
            {"format", summary.format},
            {"bytes", summary.bytes},
            {"opset", summary.opset ? Json(*summary.opset) : Json()},
            {"checkpoint", summary.checkpoint},
            {"rows", summary.rows},
            {"steps", summary.steps}};
  add_network(json, summary.widths, summary.parameters, summary.weights_digest);
  return text_of_json(json);
}

std::string json_of(const ImportSummary& summary) {
  Json json{{"schema_version", kSummarySchemaVersion},
            {"file", summary.file},
            {"checkpoint", summary.checkpoint},
            {"feature_names", summary.feature_names},
            {"standardize", summary.standardize ? Json(*summary.standardize) : Json()}};
  add_network(json, summary.widths, summary.parameters, summary.weights_digest);
  return text_of_json(json);
}

std::string text_of(const ExportSummary& summary) {
  const std::string opset = summary.opset ? fmt::format(", opset {}", *summary.opset) : std::string();
  return fmt::format("Exported {} to {} ({}{}, {} bytes): {}.", summary.checkpoint, summary.file,
                     summary.format, opset, grouped(summary.bytes),
                     network_text(summary.widths, summary.parameters, summary.weights_digest));
}

std::string text_of(const ImportSummary& summary) {
  return fmt::format(
      "Imported {} as {}: {}.\nTrain it with `millrace train --layers {}{}`.", summary.file,
      summary.checkpoint, network_text(summary.widths, summary.parameters, summary.weights_digest),
      fmt::join(hidden(summary.widths), ","), summary.standardize.value_or(false) ? " --standardize" : "");
}

}  // namespace millrace
