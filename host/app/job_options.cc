#include "app/job_options.h"

#include <algorithm>
#include <charconv>
#include <thread>

#include "millrace/engine_choice.h"
#include "millrace/errors.h"

#include "kafka/start_rule.h"
#include "window/stop_rule.h"

namespace millrace {

namespace {

// `--features 9` or `--features a,b,c`: how many there are, and their names where they have some.
struct Features {
  std::uint32_t count = 0;
  std::vector<std::string> names;
};

Features features_of(const OptionValues& options) {
  Features features{0, options.list("features")};
  if (features.names.size() == 1) {
    const std::string& text = features.names.front();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), features.count);
    if (end == text.data() + text.size() && error == std::errc{}) features.names.clear();
    if (features.names.empty() && features.count == 0) {
      throw OptionError(OptionError::Kind::invalid, options.written("features"), text,
                        "a row has at least one feature");
    }
  }
  if (!features.names.empty()) features.count = static_cast<std::uint32_t>(features.names.size());
  return features;
}

std::string dead_letter_topic(const OptionValues& options) {
  using Kind = OptionError::Kind;
  const std::string topic = options.text("dead-letter-topic");
  if (topic.empty()) return topic;
  const std::string name = options.written("dead-letter-topic");
  if (errors_tolerance(options) == ErrorsTolerance::none) {
    throw OptionError(Kind::conflict, name, topic,
                      "without --errors-tolerance all the first bad record ends the run; add that option");
  }
  const std::vector<std::string> topics = options.list("topic");
  if (std::ranges::find(topics, topic) != topics.end()) {
    throw OptionError(Kind::conflict, name, topic,
                      "this topic is read, and its bad records would go round for ever; name another one");
  }
  return topic;
}

double max_bad_share(const OptionValues& options) {
  if (options.given("max-bad-share") && errors_tolerance(options) == ErrorsTolerance::none) {
    throw OptionError(OptionError::Kind::conflict, options.written("max-bad-share"), "",
                      "without --errors-tolerance all the first bad record ends the run; add that option");
  }
  return options.number("max-bad-share");
}

SourceSettings source_settings(const OptionValues& options, const LabelRule& label) {
  SourceSettings source{.client = client_settings(options),
                        .topics = options.list("topic"),
                        .start = parse_start_rule(options.text("from")),
                        .on_data_loss = on_data_loss(options),
                        .memory_bytes = static_cast<std::size_t>(options.integer("memory-bytes")),
                        .consumers = static_cast<unsigned>(options.integer("consumers"))};
  // A run to the end ignores what is added later.
  const bool to_end = parse_stop_rule(options.text("stop")).when == StopRule::When::end;
  if (!to_end) source.discover_every = options.duration("discover-ms");
  if (label.from == LabelRule::From::header) source.label_header = label.name;
  return source;
}

}  // namespace

ErrorsTolerance errors_tolerance(const OptionValues& options) {
  return options.text("errors-tolerance") == "all" ? ErrorsTolerance::all : ErrorsTolerance::none;
}

OnDataLoss on_data_loss(const OptionValues& options) {
  return options.text("on-data-loss") == "continue" ? OnDataLoss::go_on : OnDataLoss::stop;
}

unsigned decode_threads_of_this_machine() { return std::max(1U, std::thread::hardware_concurrency() / 2); }

NetworkShape network_shape(const OptionValues& options) {
  NetworkShape shape{{features_of(options).count}};
  for (const std::string& width : options.list("layers")) {
    shape.widths.push_back(static_cast<std::uint32_t>(std::stoul(width)));  // the option table checked them
  }
  shape.widths.push_back(1);
  return shape;
}

MathMode math_mode(const OptionValues& options) {
  for (const MathMode math : {MathMode::tf32, MathMode::bf16}) {
    if (options.text("math") == name_of(math)) return math;
  }
  return MathMode::fp32;  // the option table checked it
}

CudaSettings cuda_settings(const OptionValues& options) {
  return {.device = static_cast<int>(options.integer("device")), .tune = options.flag("tune"), .choices = {}};
}

unsigned decode_threads(const OptionValues& options) {
  const auto asked = static_cast<unsigned>(options.integer("threads"));
  return asked > 0 ? asked : decode_threads_of_this_machine();
}

DecoderSettings decoder_settings(const OptionValues& options) {
  const Features features = features_of(options);
  return {.format = parse_record_format(options.text("format")),
          .features = features.count,
          .feature_names = features.names,
          .columns = options.list("columns"),
          .label = parse_label_rule(options.text("label")),
          .max_record_bytes = static_cast<std::size_t>(options.integer("max-record-bytes")),
          .separator = parse_separator(options.text("separator")),
          .absent_is_missing = options.text("absent-fields") == "missing"};
}

ClientSettings client_settings(const OptionValues& options) {
  return {.brokers = options.text("brokers"),
          .properties = options.client_properties(),
          .timeout = options.duration("kafka-timeout-ms")};
}

TrainJob train_job(const OptionValues& options) {
  TrainJob job;
  job.decoder = decoder_settings(options);
  job.source = source_settings(options, job.decoder.label);
  job.source.group = options.text("group");
  job.source.rewind = options.flag("rewind");
  job.label = options.text("label");
  job.shape = network_shape(options);
  job.training = {.epochs = static_cast<std::uint32_t>(options.integer("epochs")),
                  .batch = static_cast<std::uint32_t>(options.integer("batch")),
                  .learning_rate = options.number("learning-rate"),
                  .seed = static_cast<std::uint64_t>(options.integer("seed")),
                  .standardize = options.flag("standardize"),
                  .math = math_mode(options)};
  job.engine = options.text("engine");
  job.cuda = cuda_settings(options);
  job.engine_threads = static_cast<int>(options.integer("engine-threads"));
  job.decode_threads = decode_threads(options);
  job.window_rows = static_cast<std::uint32_t>(options.integer("window-rows"));
  job.window_limit = options.duration("window-ms");
  job.stop = parse_stop_rule(options.text("stop"));
  job.dead_letter_topic = dead_letter_topic(options);
  job.state = options.text("state");
  job.keep = static_cast<std::size_t>(options.integer("keep"));
  job.trainer = {.errors_tolerance = errors_tolerance(options),
                 .max_bad_share = max_bad_share(options),
                 .max_skipped_steps = static_cast<std::uint64_t>(options.integer("max-skipped-steps")),
                 .rolls_back = options.text("on-divergence") == "rollback",
                 .checkpoint_every = options.duration("checkpoint-ms"),
                 .auc_rows = static_cast<std::size_t>(options.integer("auc-rows"))};
  return job;
}

ReplayJob replay_job(const OptionValues& options) {
  ReplayJob job;
  job.state = options.positional().front();
  job.source = {.client = client_settings(options),
                .on_data_loss = on_data_loss(options),
                .memory_bytes = static_cast<std::size_t>(options.integer("memory-bytes"))};
  job.goes_on_after_loss = job.source.on_data_loss == OnDataLoss::go_on;
  job.decode_threads = decode_threads(options);
  return job;
}

DecoderSettings decoder_of_state(const OptionValues& options, const StreamSettings& state) {
  const std::string& format =
      options.given("format") || state.format.empty() ? options.text("format") : state.format;
  return {
      .format = format.empty() ? RecordFormat::csv : parse_record_format(format),
      .features = state.features,
      .feature_names = state.feature_names,
      .columns = options.given("columns") ? options.list("columns") : state.columns,
      .label = {LabelRule::From::none, {}},
      .max_record_bytes = static_cast<std::size_t>(options.integer("max-record-bytes")),
      .separator = options.given("separator") ? parse_separator(options.text("separator")) : state.separator,
      .absent_is_missing = options.given("absent-fields") ? options.text("absent-fields") == "missing"
                                                          : state.absent_is_missing};
}

EvaluateJob evaluate_job(const OptionValues& options, const StreamSettings& state) {
  EvaluateJob job;
  job.decoder = decoder_of_state(options, state);
  job.decoder.label = parse_label_rule(options.given("label") ? options.text("label") : state.label);
  job.source = source_settings(options, job.decoder.label);
  job.stop = parse_stop_rule(options.text("stop"));
  job.engine_threads = static_cast<int>(options.integer("engine-threads"));
  job.decode_threads = decode_threads(options);
  job.auc_rows = static_cast<std::size_t>(options.integer("auc-rows"));
  job.errors_tolerance = errors_tolerance(options);
  return job;
}

}  // namespace millrace
