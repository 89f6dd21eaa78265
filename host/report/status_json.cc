#include "report/status_json.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchemaVersion = 1;
// As many as a plot has pixels to show.
constexpr std::size_t kMostPoints = 400;
constexpr std::size_t kMostFeatures = 50;

Json number(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(*value) : Json();
}

// One column of every `stride`-th row, the last one included.
template <typename Row, typename Value>
Json column(const std::vector<Row>& rows, Value value) {
  const std::size_t stride = (rows.size() + kMostPoints - 1) / kMostPoints;
  Json json = Json::array();
  for (std::size_t index = 0; index < rows.size(); ++index) {
    if ((rows.size() - 1 - index) % stride == 0)
      json.push_back(number(static_cast<double>(value(rows[index]))));
  }
  return json;
}

Json curve_json(const std::vector<CurvePoint>& curve) {
  return {{"seconds", column(curve, [](const CurvePoint& p) { return p.seconds; })},
          {"rows", column(curve, [](const CurvePoint& p) { return p.rows; })},
          {"loss", column(curve, [](const CurvePoint& p) { return p.loss; })},
          {"accuracy", column(curve, [](const CurvePoint& p) { return p.accuracy; })},
          {"auc", column(curve, [](const CurvePoint& p) { return p.auc; })}};
}

Json rates_json(const std::vector<RatePoint>& rates) {
  return {{"seconds", column(rates, [](const RatePoint& p) { return p.seconds; })},
          {"decode", column(rates, [](const RatePoint& p) { return p.decoded_rows_per_s; })},
          {"train", column(rates, [](const RatePoint& p) { return p.trained_rows_per_s; })},
          {"lag", column(rates, [](const RatePoint& p) { return p.lag; })}};
}

Json partitions_json(const std::vector<PartitionStatus>& partitions) {
  Json json = Json::array();
  for (const PartitionStatus& partition : partitions) {
    json.push_back({{"topic", partition.topic},
                    {"partition", partition.partition},
                    {"trained", partition.trained},
                    {"log_end", partition.log_end},
                    {"lag", partition.lag()}});
  }
  return json;
}

Json drift_json(const std::vector<FeatureDrift>& drift) {
  Json json = Json::array();
  for (const FeatureDrift& feature : drift) {
    if (json.size() == kMostFeatures) break;
    json.push_back({{"feature", feature.name},
                    {"running_mean", number(feature.running_mean)},
                    {"newest_mean", number(feature.newest_mean)},
                    {"deviations", number(feature.deviations)}});
  }
  return json;
}

Json settings_json(const std::vector<Setting>& settings) {
  Json json = Json::array();
  for (const Setting& setting : settings) {
    json.push_back({{"name", setting.name},
                    {"value", std::visit([](const auto& value) { return Json(value); }, setting.value)}});
  }
  return json;
}

Json checkpoint_json(const RunStatus& status) {
  if (!status.checkpoint_at_ms) return {};
  return {{"written_at_ms", *status.checkpoint_at_ms},
          {"seconds", number(status.checkpoint_s)},
          {"bytes", status.checkpoint_bytes},
          {"written", status.checkpoints}};
}

}  // namespace

std::string status_json(const RunStatus& status) {
  Json reasons = Json::object();
  for (const auto& [reason, count] : status.run.bad_records_by_reason) {
    if (count > 0) reasons[reason] = count;
  }
  Json messages = Json::array();
  for (const StatusMessage& message : status.messages) {
    messages.push_back({{"at_ms", message.at_ms}, {"text", message.text}});
  }
  const Json json = {
      {"schema_version", kSchemaVersion},
      {"version", status.version},
      {"engine", status.engine},
      {"activity", status.activity},
      {"ready", status.ready},
      {"not_ready", status.not_ready},
      {"started_at_ms", status.started_at_ms},
      {"seconds", number(status.run.seconds)},
      {"rows", status.run.rows},
      {"lifetime_rows", status.lifetime_rows},
      {"records", status.run.records},
      {"windows", status.run.windows},
      {"steps", status.run.steps},
      {"skipped_steps", status.run.skipped_steps},
      {"bad_records", status.run.bad_records},
      {"bad_records_by_reason", reasons},
      {"horizon_rows", status.horizon_rows},
      {"loss", number(status.loss)},
      {"accuracy", number(status.accuracy)},
      {"auc", number(status.auc)},
      {"broker_silence_s", number(status.broker_silence_s)},
      {"loop_seconds",
       {{"waiting", number(status.waiting_s)},
        {"training", number(status.training_s)},
        {"saving", number(status.saving_s)}}},
      {"window_slots", {{"full", status.full_window_slots}, {"all", status.window_slots}}},
      {"checkpoint", checkpoint_json(status)},
      {"commits", {{"confirmed", status.commits}, {"failed", status.failed_commits}}},
      {"memory", {{"resident_bytes", status.resident_bytes}, {"budget_bytes", status.memory_budget_bytes}}},
      {"partitions", partitions_json(status.partitions)},
      {"drift", drift_json(status.drift)},
      {"curve", curve_json(status.curve)},
      {"rates", rates_json(status.rates)},
      {"messages", messages},
      {"settings", settings_json(status.settings)}};
  // Text from outside (a topic, a column) need not be UTF-8, and JSON must be.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace millrace
