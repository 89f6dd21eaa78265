#include "app/predict_options.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "millrace/errors.h"

#include "app/job_options.h"

namespace millrace {

namespace {

PredictionFormat prediction_format(const OptionValues& options) {
  return options.text("output") == "csv" ? PredictionFormat::csv : PredictionFormat::json;
}

bool is_of_lines(RecordFormat format) { return format == RecordFormat::csv || format == RecordFormat::json; }

}  // namespace

void check_predict_options(const OptionValues& options) {
  using Kind = OptionError::Kind;
  constexpr std::array kNeeded = {"brokers", "topic", "to", "group"};
  if (options.flag("stdin")) {
    // The environment and a file may speak of topics all the same, for other commands.
    for (const char* name : kNeeded) {
      if (!options.given(name) || !options.written(name).starts_with("--")) continue;
      throw OptionError(
          Kind::conflict, options.written(name), options.text(name),
          "with --stdin, rows come from standard input and no broker is asked; leave one of the two out");
    }
    return;
  }
  for (const char* name : kNeeded) {
    if (options.text(name).empty()) {
      const std::string flag = std::string("--") + name;
      throw OptionError(Kind::missing, flag, "",
                        "`millrace predict` needs " + flag + ", unless it has --stdin");
    }
  }
  const std::vector<std::string> topics = options.list("topic");
  if (std::ranges::find(topics, options.text("to")) != topics.end()) {
    throw OptionError(Kind::conflict, options.written("to"), options.text("to"),
                      "this topic is read, and predictions would be taken for rows; name another one");
  }
}

DecoderSettings predict_decoder(const OptionValues& options, const StreamSettings& state) {
  DecoderSettings rows = decoder_of_state(options, state);
  if (options.flag("stdin") && !is_of_lines(rows.format)) {
    throw OptionError(OptionError::Kind::conflict, "--stdin", "",
                      "records of the format " + std::string(name_of(rows.format)) +
                          " are no lines; give --format csv or json, or predict from topic to topic");
  }
  if (state.label.empty()) return rows;  // of an imported model
  const LabelRule label = parse_label_rule(state.label);
  if (label.from != LabelRule::From::column) return rows;
  if (!options.given("columns")) {
    std::erase(rows.columns, label.name);
  } else if (rows.feature_names.empty() &&
             std::ranges::find(rows.columns, label.name) != rows.columns.end()) {
    rows.feature_names = rows.columns;
    std::erase(rows.feature_names, label.name);
  }
  return rows;
}

ScoringEngine scoring_engine(const OptionValues& options) {
  return {.choice = options.text("engine"),
          .threads = static_cast<int>(options.integer("engine-threads")),
          .cuda = {.device = static_cast<int>(options.integer("device")), .choices = {}}};
}

LineJob line_job(const OptionValues& options) {
  return {.format = prediction_format(options),
          .max_line_bytes = static_cast<std::size_t>(options.integer("max-record-bytes"))};
}

TopicJob topic_job(const OptionValues& options) {
  return {.source = {.client = client_settings(options),
                     .topics = options.list("topic"),
                     .group = options.text("group"),
                     .instance = options.text("instance"),
                     .from_end = options.text("from") == "end",
                     .on_data_loss = on_data_loss(options),
                     .memory_bytes = static_cast<std::size_t>(options.integer("memory-bytes"))},
          .to = options.text("to"),
          .format = prediction_format(options),
          .commit_every = options.duration("commit-ms"),
          .commit_records = static_cast<std::size_t>(options.integer("commit-records")),
          .errors_tolerance = errors_tolerance(options),
          .stop = parse_stop_rule(options.text("stop"))};
}

}  // namespace millrace
