#include "report/run_summary.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string_view>
#include <type_traits>
#include <utility>

#include "report/figures.h"

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

// --- for programs

Json number_or_null(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(*value) : Json();
}

Json json_of(const ReasonCounts& counts) {
  Json json = Json::object();
  for (const auto& [reason, count] : counts) json[reason] = count;
  return json;
}

// What stands in `json` for a partition.
Json& place(Json& json, const TopicPartition& partition) {
  return json[partition.topic][std::to_string(partition.partition)];
}

// The offset of each partition; and, where that record is begun already, its next row.
void add(Json& json, const std::vector<TrainedPosition>& positions) {
  json["positions"] = Json::object();
  json["position_rows"] = Json::object();
  for (const TrainedPosition& position : positions) {
    place(json["positions"], position.partition) = position.next.offset;
    if (position.next.row > 0) place(json["position_rows"], position.partition) = position.next.row;
  }
}

void add(Json& json, const RunTotals& totals) {
  json["records"] = totals.records;
  json["rows"] = totals.rows;
  json["windows"] = totals.windows;
  json["steps"] = totals.steps;
  json["skipped_steps"] = totals.skipped_steps;
  json["rolled_back_rows"] = totals.rolled_back_rows;
  json["bad_records"] = totals.bad_records;
  json["bad_records_by_reason"] = json_of(totals.bad_records_by_reason);
  json["seconds"] = number_or_null(totals.seconds);
  json["rows_per_s"] = number_or_null(per_second(totals.rows, totals.seconds));
}

Json json_of(const Setting::Value& value) {
  return std::visit(
      [](const auto& held) {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, double>) {
          return number_or_null(held);
        } else {
          return Json(held);
        }
      },
      value);
}

// The hidden layers, as the option names them: inputs and output are not among them.
std::vector<std::uint32_t> hidden_layers(const std::vector<std::uint32_t>& widths) {
  if (widths.size() < 3) return {};
  return {widths.begin() + 1, widths.end() - 1};
}

std::string hex(std::uint64_t digest) { return fmt::format("{:016x}", digest); }

// Text from outside (a topic, a column) need not be UTF-8, and JSON must be.
std::string text_of_json(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

// --- for people

// Lines of `name  value`, names as wide as the widest.
class Lines {
 public:
  void add(std::string name, std::string value) { lines_.emplace_back(std::move(name), std::move(value)); }

  [[nodiscard]] std::string text() const {
    std::size_t width = 0;
    for (const auto& line : lines_) width = std::max(width, line.first.size());
    std::string text;
    for (const auto& [name, value] : lines_) text += fmt::format("\n  {:<{}}  {}", name, width, value);
    return text;
  }

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", grouped(count), noun, count == 1 ? "" : "s");
}

std::string bad_records_text(std::uint64_t count, const ReasonCounts& reasons) {
  std::string by_reason;
  for (const auto& [reason, number] : reasons) {
    if (number == 0) continue;
    std::string words = reason;
    std::ranges::replace(words, '_', ' ');
    by_reason += fmt::format("{}{} {}", by_reason.empty() ? "" : ", ", grouped(number), words);
  }
  return by_reason.empty() ? grouped(count) : fmt::format("{} ({})", grouped(count), by_reason);
}

std::string losses_text(std::uint64_t losses, std::uint64_t offsets) {
  return fmt::format("{}, {} at least", counted(losses, "time"), counted(offsets, "offset"));
}

std::string metrics_text(const std::optional<double>& loss, const std::optional<double>& accuracy,
                         const std::optional<double>& auc) {
  return fmt::format("loss {}, accuracy {}, AUC {}", metric(loss, 4), metric(accuracy, 4), metric(auc, 4));
}

// One line for each partition; the first carries the name.
void add_positions(Lines& lines, std::string name, const std::vector<TrainedPosition>& positions) {
  for (const TrainedPosition& position : positions) {
    lines.add(std::exchange(name, {}),
              fmt::format("{}/{} at offset {}{}", position.partition.topic, position.partition.partition,
                          position.next.offset,
                          position.next.row > 0 ? fmt::format(", row {}", position.next.row) : ""));
  }
}

// "clicks/0 7-9 (from row 56, to row 11)": the records of which it took rows; both ends are in it.
std::string range_text(const JournalSummary::Range& range) {
  const bool ends_within = range.end.row > 0;
  std::string rows;
  if (range.begin.row > 0) rows = fmt::format("from row {}", range.begin.row);
  if (ends_within) rows += fmt::format("{}to row {}", rows.empty() ? "" : ", ", range.end.row - 1);
  return fmt::format("{}/{} {}-{}{}", range.partition.topic, range.partition.partition, range.begin.offset,
                     range.end.offset - (ends_within ? 0 : 1),
                     rows.empty() ? "" : fmt::format(" ({})", rows));
}

std::string rate_text(std::uint64_t rows, double seconds) {
  return fmt::format("{} rows/s",
                     grouped(static_cast<std::uint64_t>(std::llround(per_second(rows, seconds)))));
}

std::string totals_text(const RunTotals& totals) {
  return fmt::format("{}, {}, {}, {}", counted(totals.rows, "row"), counted(totals.windows, "window"),
                     counted(totals.steps, "step"), duration(totals.seconds));
}

std::string setting_text(const Setting::Value& value) {
  struct Words {
    std::string operator()(const std::string& text) const { return text.empty() ? "-" : text; }
    std::string operator()(bool on) const { return on ? "yes" : "no"; }
    std::string operator()(std::int64_t number) const { return fmt::to_string(number); }
    std::string operator()(std::uint64_t number) const { return fmt::to_string(number); }
    std::string operator()(double number) const { return fmt::format("{}", number); }
    std::string operator()(const std::vector<std::string>& texts) const {
      return texts.empty() ? "-" : fmt::format("{}", fmt::join(texts, ", "));
    }
  };
  return std::visit(Words(), value);
}

std::string standardizer_text(const std::vector<FeatureMoments>& features) {
  std::size_t width = std::string_view("feature").size();
  for (const FeatureMoments& feature : features) width = std::max(width, feature.name.size());
  std::string text = fmt::format("\n\nStandardizer\n  {:<{}}  {:>14}  {:>14}  {:>12}", "feature", width,
                                 "mean", "std deviation", "values");
  const auto figure = [](const std::optional<double>& value) {
    return value && std::isfinite(*value) ? fmt::format("{:.6g}", *value) : std::string("-");
  };
  for (const FeatureMoments& feature : features) {
    text += fmt::format("\n  {:<{}}  {:>14}  {:>14}  {:>12}", feature.name, width, figure(feature.mean),
                        figure(feature.standard_deviation), grouped(feature.count));
  }
  return text;
}

}  // namespace

std::string json_of(const TrainSummary& summary) {
  Json json;
  json["schema_version"] = kSummarySchemaVersion;
  add(json, summary.run);
  json["dead_letters"] = summary.dead_letters;
  json["engine"] = summary.engine;
  add(json["lifetime"], summary.lifetime);
  json["replayed_windows"] = summary.replayed_windows;
  json["replayed_rows"] = summary.replayed_rows;
  json["loss"] = number_or_null(summary.loss);
  json["accuracy"] = number_or_null(summary.accuracy);
  json["auc"] = number_or_null(summary.auc);
  json["data_losses"] = summary.data_losses;
  json["lost_offsets"] = summary.lost_offsets;
  add(json, summary.positions);
  json["checkpoint"] = summary.checkpoint.empty() ? Json() : Json(summary.checkpoint);
  return text_of_json(json);
}

std::string json_of(const EvaluateSummary& summary) {
  Json json;
  json["schema_version"] = kSummarySchemaVersion;
  json["records"] = summary.records;
  json["rows"] = summary.rows;
  json["loss"] = number_or_null(summary.loss);
  json["accuracy"] = number_or_null(summary.accuracy);
  json["auc"] = number_or_null(summary.auc);
  json["confusion"] = {{"true_positive", summary.confusion.true_positive},
                       {"false_positive", summary.confusion.false_positive},
                       {"true_negative", summary.confusion.true_negative},
                       {"false_negative", summary.confusion.false_negative}};
  json["bad_records"] = summary.bad_records;
  json["bad_records_by_reason"] = json_of(summary.bad_records_by_reason);
  json["seconds"] = number_or_null(summary.seconds);
  json["rows_per_s"] = number_or_null(per_second(summary.rows, summary.seconds));
  json["data_losses"] = summary.data_losses;
  json["lost_offsets"] = summary.lost_offsets;
  add(json, summary.positions);
  json["checkpoint"] = summary.checkpoint.empty() ? Json() : Json(summary.checkpoint);
  return text_of_json(json);
}

std::string json_of(const InspectSummary& summary) {
  Json json;
  json["schema_version"] = kSummarySchemaVersion;
  json["file"] = summary.file;
  json["version"] = summary.version;
  json["sequence"] = summary.sequence;
  json["written_at"] = iso_time(summary.written_at_ms);
  json["written_at_ms"] = summary.written_at_ms;
  add(json, summary.lifetime);
  json["parameters"] = summary.parameters;
  json["features"] = summary.widths.empty() ? 0 : summary.widths.front();
  json["layers"] = hidden_layers(summary.widths);
  json["weights_digest"] = hex(summary.weights_digest);
  json["state_digest"] = hex(summary.state_digest);
  json["journalled_windows"] = summary.journalled_windows;
  json["journalled_rows"] = summary.journalled_rows;
  add(json, summary.positions);
  json["settings"] = Json::object();
  for (const Setting& setting : summary.settings) json["settings"][setting.name] = json_of(setting.value);
  json["standardizer"] = Json::array();
  for (const FeatureMoments& feature : summary.standardizer) {
    json["standardizer"].push_back({{"feature", feature.name},
                                    {"count", feature.count},
                                    {"mean", number_or_null(feature.mean)},
                                    {"standard_deviation", number_or_null(feature.standard_deviation)}});
  }
  return text_of_json(json);
}

std::string json_of(const JournalSummary& summary) {
  Json json;
  json["schema_version"] = kSummarySchemaVersion;
  json["file"] = summary.file;
  json["sequence"] = summary.sequence;
  json["trouble"] = summary.trouble.empty() ? Json() : Json(summary.trouble);
  for (const Setting& setting : summary.settings) json["settings"][setting.name] = json_of(setting.value);
  json["entries"] = Json::array();
  for (const JournalSummary::Entry& entry : summary.entries) {
    if (entry.rolled_back_to) {
      json["entries"].push_back({{"rolled_back_to", *entry.rolled_back_to}, {"rows", entry.rows}});
      continue;
    }
    Json line = {{"window", entry.window},   {"rows", entry.rows},
                 {"records", entry.records}, {"rows_digest", hex(entry.rows_digest)},
                 {"ranges", Json::object()}, {"range_rows", Json::object()}};
    for (const JournalSummary::Range& range : entry.ranges) {
      place(line["ranges"], range.partition) = {range.begin.offset, range.end.offset};
      if (range.begin.row > 0 || range.end.row > 0)
        place(line["range_rows"], range.partition) = {range.begin.row, range.end.row};
    }
    json["entries"].push_back(std::move(line));
  }
  return text_of_json(json);
}

std::string json_of(const ReplaySummary& summary) {
  Json json;
  json["schema_version"] = kSummarySchemaVersion;
  json["checkpoints"] = Json::array();
  std::uint64_t windows = 0;
  std::uint64_t rows = 0;
  for (const ReplaySummary::Step& step : summary.steps) {
    json["checkpoints"].push_back({{"from", step.from},
                                   {"to", step.to},
                                   {"windows", step.windows},
                                   {"rows", step.rows},
                                   {"equal", step.equal}});
    windows += step.windows;
    rows += step.rows;
  }
  json["windows"] = windows;
  json["rows"] = rows;
  json["seconds"] = number_or_null(summary.seconds);
  return text_of_json(json);
}

std::string json_of(const TopicSummary& summary) {
  Json json;
  json["schema_version"] = kSummarySchemaVersion;
  json["topic"] = summary.topic;
  json["partitions"] = Json::array();
  for (const TopicSummary::Partition& partition : summary.partitions) {
    json["partitions"].push_back(
        {{"partition", partition.partition}, {"begin", partition.begin}, {"end", partition.end}});
  }
  return text_of_json(json);
}

std::string text_of(const TrainSummary& summary) {
  const RunTotals& run = summary.run;
  Lines lines;
  lines.add("prequential", metrics_text(summary.loss, summary.accuracy, summary.auc));
  lines.add("bad records", bad_records_text(run.bad_records, run.bad_records_by_reason));
  if (summary.dead_letters > 0) lines.add("dead letters", grouped(summary.dead_letters));
  if (run.skipped_steps > 0) {
    lines.add("skipped", fmt::format("{} with a loss or gradient that was not finite",
                                     counted(run.skipped_steps, "step")));
  }
  if (summary.data_losses > 0) lines.add("data lost", losses_text(summary.data_losses, summary.lost_offsets));
  if (run.rolled_back_rows > 0) {
    lines.add("rolled back", fmt::format("{} whose lessons are lost", counted(run.rolled_back_rows, "row")));
  }
  if (summary.replayed_windows > 0) {
    lines.add("replayed",
              fmt::format("{} of the journal before that, {}", counted(summary.replayed_windows, "window"),
                          counted(summary.replayed_rows, "row")));
  }
  lines.add("engine", summary.engine);
  add_positions(lines, "next to train", summary.positions);
  lines.add("in all", totals_text(summary.lifetime));
  if (!summary.checkpoint.empty()) lines.add("checkpoint", summary.checkpoint);
  return fmt::format("Trained on {} in {} and {}, {}: {}.{}", counted(run.rows, "row"),
                     counted(run.windows, "window"), counted(run.steps, "step"), duration(run.seconds),
                     rate_text(run.rows, run.seconds), lines.text());
}

std::string text_of(const EvaluateSummary& summary) {
  const ConfusionMatrix& confusion = summary.confusion;
  Lines lines;
  lines.add("metrics", metrics_text(summary.loss, summary.accuracy, summary.auc));
  lines.add("bad records", bad_records_text(summary.bad_records, summary.bad_records_by_reason));
  if (summary.data_losses > 0) lines.add("data lost", losses_text(summary.data_losses, summary.lost_offsets));
  add_positions(lines, "read up to", summary.positions);
  if (!summary.checkpoint.empty()) lines.add("checkpoint", summary.checkpoint);

  const std::string cells[] = {grouped(confusion.true_negative), grouped(confusion.false_positive),
                               grouped(confusion.false_negative), grouped(confusion.true_positive)};
  std::size_t width = std::string_view("said 0").size();
  for (const std::string& cell : cells) width = std::max(width, cell.size());
  const std::string matrix = fmt::format(
      "\n\n            {0:>{6}}  {1:>{6}}\n  label 0   {2:>{6}}  {3:>{6}}\n  label 1   {4:>{6}}  {5:>{6}}",
      "said 0", "said 1", cells[0], cells[1], cells[2], cells[3], width);
  return fmt::format("Evaluated {} in {}: {}.{}{}", counted(summary.rows, "row"), duration(summary.seconds),
                     rate_text(summary.rows, summary.seconds), lines.text(), matrix);
}

std::string text_of(const InspectSummary& summary) {
  const RunTotals& lifetime = summary.lifetime;
  Lines what;
  what.add("written", fmt::format("{} by millrace {}", utc_time(summary.written_at_ms), summary.version));
  what.add("network",
           fmt::format("{} ({} parameters)", fmt::join(summary.widths, " - "), grouped(summary.parameters)));
  what.add("trained on", totals_text(lifetime));
  what.add("bad records", bad_records_text(lifetime.bad_records, lifetime.bad_records_by_reason));
  if (lifetime.skipped_steps > 0) what.add("skipped", counted(lifetime.skipped_steps, "step"));
  add_positions(what, "next to train", summary.positions);
  if (summary.journalled_windows > 0) {
    what.add("in the journal", fmt::format("{} after that, {}, which the next run trains again",
                                           counted(summary.journalled_windows, "window"),
                                           counted(summary.journalled_rows, "row")));
  }
  what.add("weights digest", hex(summary.weights_digest));
  what.add("state digest", hex(summary.state_digest));
  Lines settings;
  for (const Setting& setting : summary.settings) settings.add(setting.name, setting_text(setting.value));
  return fmt::format("{}, number {}{}{}{}{}", summary.file, summary.sequence, what.text(),
                     summary.settings.empty() ? "" : "\n\nSettings", settings.text(),
                     summary.standardizer.empty() ? "" : standardizer_text(summary.standardizer));
}

std::string text_of(const JournalSummary& summary) {
  Lines lines;
  for (const JournalSummary::Entry& entry : summary.entries) {
    if (entry.rolled_back_to) {
      lines.add("roll-back",
                fmt::format("to checkpoint {}, {} lost", *entry.rolled_back_to, counted(entry.rows, "row")));
      continue;
    }
    std::vector<std::string> where;
    for (const JournalSummary::Range& range : entry.ranges) where.push_back(range_text(range));
    lines.add(fmt::format("window {}", entry.window),
              fmt::format("{} of {}: {}", counted(entry.rows, "row"), counted(entry.records, "record"),
                          fmt::join(where, ", ")));
  }
  return fmt::format("{}: what was trained after checkpoint {}.{}{}", summary.file, summary.sequence,
                     summary.trouble.empty() ? "" : " Entries may be missing: " + summary.trouble + ".",
                     lines.text());
}

std::string text_of(const ReplaySummary& summary) {
  if (summary.steps.empty()) return "Nothing stands in the journal after the newest checkpoint.";
  Lines lines;
  std::uint64_t rows = 0;
  for (const ReplaySummary::Step& step : summary.steps) {
    lines.add(fmt::format("checkpoint {} to {}", step.from, step.to),
              fmt::format("{}, {}: {}", counted(step.windows, "window"), counted(step.rows, "row"),
                          step.equal ? "equal" : "DIFFERENT"));
    rows += step.rows;
  }
  return fmt::format("Trained {} again in {}.{}", counted(rows, "row"), duration(summary.seconds),
                     lines.text());
}

std::string text_of(const TopicSummary& summary) {
  std::uint64_t offsets = 0;
  Lines lines;
  for (const TopicSummary::Partition& partition : summary.partitions) {
    offsets += static_cast<std::uint64_t>(partition.end - partition.begin);
    lines.add(fmt::format("partition {}", partition.partition),
              fmt::format("offsets {} to {}", partition.begin, partition.end));
  }
  // Compaction and transactions leave offsets without records.
  return fmt::format("Topic {}: {}, {} at most.{}", summary.topic,
                     counted(summary.partitions.size(), "partition"), counted(offsets, "record"),
                     lines.text());
}

}  // namespace millrace
