#include "report/predict_summary.h"

#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "report/figures.h"

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

Json number_or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

std::string milliseconds(const std::optional<double>& value) {
  return value ? fmt::format("{:.{}f} ms", *value, *value < 10 ? 2 : 0) : std::string("-");
}

}  // namespace

std::string json_of(const PredictSummary& summary) {
  Json json{{"schema_version", kSummarySchemaVersion},
            {"records", summary.records},
            {"rows", summary.rows},
            {"bad_records", summary.bad_records},
            {"bad_records_by_reason", Json::object()},
            {"seconds", summary.seconds},
            {"rows_per_s", per_second(summary.rows, summary.seconds)},
            {"latency_p50_ms", number_or_null(summary.latency_p50_ms)},
            {"latency_p99_ms", number_or_null(summary.latency_p99_ms)},
            {"models", summary.models},
            {"model", summary.model}};
  for (const auto& [reason, count] : summary.bad_records_by_reason)
    json["bad_records_by_reason"][reason] = count;
  if (summary.topics) {
    json["transactions"] = summary.topics->transactions;
    json["transactions_aborted"] = summary.topics->aborted;
    json["data_losses"] = summary.topics->data_losses;
    json["lost_offsets"] = summary.topics->lost_offsets;
    json["positions"] = Json::object();
    for (const TrainedPosition& position : summary.topics->positions) {
      json["positions"][position.partition.topic][std::to_string(position.partition.partition)] =
          position.next.offset;
    }
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string text_of(const PredictSummary& summary) {
  std::string text = fmt::format(
      "Predicted {} rows of {} records in {}, {} rows/s\n"
      "  latency       p50 {}, p99 {}\n"
      "  model         {}{}",
      grouped(summary.rows), grouped(summary.records), duration(summary.seconds),
      grouped(static_cast<std::uint64_t>(std::llround(per_second(summary.rows, summary.seconds)))),
      milliseconds(summary.latency_p50_ms), milliseconds(summary.latency_p99_ms), summary.model,
      summary.models > 0 ? fmt::format(", the newest of {} that came meanwhile", grouped(summary.models))
                         : "");
  if (summary.bad_records > 0) {
    text += fmt::format("\n  bad records   {}", grouped(summary.bad_records));
    for (const auto& [reason, count] : summary.bad_records_by_reason)
      text += fmt::format(", {} {}", grouped(count), reason);
  }
  if (!summary.topics) return text;
  text += fmt::format("\n  transactions  {}{}", grouped(summary.topics->transactions),
                      summary.topics->aborted > 0
                          ? fmt::format(", {} more aborted and begun again", grouped(summary.topics->aborted))
                          : "");
  if (summary.topics->data_losses > 0) {
    text += fmt::format("\n  lost          {} times, {} offsets at least",
                        grouped(summary.topics->data_losses), grouped(summary.topics->lost_offsets));
  }
  for (const TrainedPosition& position : summary.topics->positions) {
    text += fmt::format("\n  {:<14}{}/{} at offset {}",
                        &position == summary.topics->positions.data() ? "committed" : "",
                        position.partition.topic, position.partition.partition, position.next.offset);
  }
  return text;
}

}  // namespace millrace
