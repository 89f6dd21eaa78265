#include "state/checkpoint_header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <utility>

#include "millrace/errors.h"

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

// Names in the file, by BadRecordReason. They outlive a renaming in the code.
constexpr std::array<std::string_view, kBadRecordReasons> kReasonNames = {
    "tombstone",     "column_count",  "not_a_number", "not_finite",
    "label_missing", "label_invalid", "malformed",    "too_large"};
// Likewise, by MathMode.
constexpr std::array<std::string_view, 3> kMathNames = {"fp32", "tf32", "bf16"};

// --- writing

std::string utc(std::int64_t milliseconds) {
  const auto seconds = static_cast<std::time_t>(milliseconds / 1000);
  std::tm fields{};
  if (gmtime_r(&seconds, &fields) == nullptr) return {};
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &fields)};
}

Json json_of(const Lifetime& lifetime) {
  Json reasons = Json::object();
  for (std::size_t i = 0; i < kBadRecordReasons; ++i) {
    reasons[std::string(kReasonNames[i])] = lifetime.bad_records_by_reason[i];
  }
  return {{"records", lifetime.records},
          {"rows", lifetime.rows},
          {"windows", lifetime.windows},
          {"steps", lifetime.steps},
          {"skipped_steps", lifetime.skipped_steps},
          {"rolled_back_rows", lifetime.rolled_back_rows},
          {"bad_records", lifetime.bad_records},
          {"bad_records_by_reason", std::move(reasons)},
          {"seconds", lifetime.seconds}};
}

Json json_of(const TrainingSettings& training) {
  return {{"epochs", training.epochs},
          {"batch", training.batch},
          {"learning_rate", training.learning_rate},
          {"beta1", training.beta1},
          {"beta2", training.beta2},
          {"epsilon", training.epsilon},
          {"seed", training.seed},
          {"standardize", training.standardize},
          {"math", kMathNames.at(static_cast<std::size_t>(training.math))}};
}

Json json_of(const StreamSettings& settings) {
  return {{"features", settings.features},
          {"feature_names", settings.feature_names},
          {"label", settings.label},
          {"format", settings.format},
          {"columns", settings.columns},
          {"topics", settings.topics},
          {"group", settings.group},
          {"window_rows", settings.window_rows},
          {"window_ms", settings.window_ms},
          {"engine", settings.engine},
          {"engine_threads", settings.engine_threads},
          {"engine_choices", settings.engine_choices},
          {"max_record_bytes", settings.max_record_bytes},
          {"separator", std::string(1, settings.separator)},
          {"absent_is_missing", settings.absent_is_missing},
          {"training", json_of(settings.training)}};
}

Json json_of(const TrainedPosition& position) {
  return {{"topic", position.partition.topic},
          {"partition", position.partition.partition},
          {"offset", position.next.offset},
          {"row", position.next.row},
          {"last_record",
           {{"offset", position.last_record.offset},
            {"timestamp_ms", position.last_record.timestamp_ms},
            {"hash", fmt::format("{:016x}", position.last_record.hash)}}}};
}

std::string text_of(const Json& json, const std::string& path) {
  try {
    return json.dump(1) + "\n";
  } catch (const Json::type_error&) {  // the only one that dump knows: a string that is not UTF-8
    throw StateError(StateError::Kind::io, path, "writing: a name in the settings is not valid UTF-8");
  }
}

// --- reading

Json parsed(std::string_view text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) throw CheckpointFormatError("its header is not JSON");
  return json;
}

const Json& member(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || found == object.end())
    throw CheckpointFormatError(fmt::format("its header lacks `{}`", name));
  return *found;
}

[[noreturn]] void refuse(const char* name) {
  throw CheckpointFormatError(fmt::format("`{}` in its header is not valid", name));
}

// Json::get would convert and truncate silently.
template <typename Integer>
Integer integer_of(const Json& value, const char* name) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (std::in_range<Integer>(number)) return static_cast<Integer>(number);
  } else if (value.is_number_integer()) {
    const auto number = value.get<std::int64_t>();
    if (std::in_range<Integer>(number)) return static_cast<Integer>(number);
  }
  refuse(name);
}

template <typename Integer>
void take_integer(const Json& object, const char* name, Integer& into) {
  into = integer_of<Integer>(member(object, name), name);
}

void take(const Json& object, const char* name, std::string& into) {
  const Json& value = member(object, name);
  if (!value.is_string()) refuse(name);
  into = value.get<std::string>();
}

void take(const Json& object, const char* name, bool& into) {
  const Json& value = member(object, name);
  if (!value.is_boolean()) refuse(name);
  into = value.get<bool>();
}

void take(const Json& object, const char* name, double& into) {
  const Json& value = member(object, name);
  if (!value.is_number()) refuse(name);
  into = value.get<double>();
}

const Json& array_of(const Json& object, const char* name) {
  const Json& value = member(object, name);
  if (!value.is_array()) refuse(name);
  return value;
}

void take(const Json& object, const char* name, std::vector<std::string>& into) {
  for (const Json& value : array_of(object, name)) {
    if (!value.is_string()) refuse(name);
    into.push_back(value.get<std::string>());
  }
}

void take(const Json& object, const char* name, std::vector<std::uint32_t>& into) {
  for (const Json& value : array_of(object, name)) into.push_back(integer_of<std::uint32_t>(value, name));
}

Lifetime lifetime_of(const Json& json) {
  Lifetime lifetime;
  take_integer(json, "records", lifetime.records);
  take_integer(json, "rows", lifetime.rows);
  take_integer(json, "windows", lifetime.windows);
  take_integer(json, "steps", lifetime.steps);
  take_integer(json, "skipped_steps", lifetime.skipped_steps);
  if (json.contains("rolled_back_rows")) take_integer(json, "rolled_back_rows", lifetime.rolled_back_rows);
  take_integer(json, "bad_records", lifetime.bad_records);
  const Json& reasons = member(json, "bad_records_by_reason");
  for (std::size_t i = 0; i < kBadRecordReasons; ++i) {
    take_integer(reasons, kReasonNames[i].data(), lifetime.bad_records_by_reason[i]);
  }
  take(json, "seconds", lifetime.seconds);
  return lifetime;
}

// Older files have none, and computed in float32.
MathMode math_of(const Json& training) {
  if (!training.contains("math")) return MathMode::fp32;
  std::string name;
  take(training, "math", name);
  const auto found = std::ranges::find(kMathNames, name);
  if (found == kMathNames.end()) refuse("math");
  return static_cast<MathMode>(found - kMathNames.begin());
}

TrainingSettings training_of(const Json& json) {
  TrainingSettings training;
  take_integer(json, "epochs", training.epochs);
  take_integer(json, "batch", training.batch);
  take(json, "learning_rate", training.learning_rate);
  take(json, "beta1", training.beta1);
  take(json, "beta2", training.beta2);
  take(json, "epsilon", training.epsilon);
  take_integer(json, "seed", training.seed);
  take(json, "standardize", training.standardize);
  training.math = math_of(json);
  return training;
}

char separator_of(const Json& json) {
  std::string text;
  take(json, "separator", text);
  if (text.size() != 1) refuse("separator");
  return text.front();
}

StreamSettings settings_of(const Json& json) {
  StreamSettings settings;
  take_integer(json, "features", settings.features);
  take(json, "feature_names", settings.feature_names);
  take(json, "label", settings.label);
  take(json, "format", settings.format);
  take(json, "columns", settings.columns);
  take(json, "topics", settings.topics);
  take(json, "group", settings.group);
  take_integer(json, "window_rows", settings.window_rows);
  take_integer(json, "window_ms", settings.window_ms);
  take(json, "engine", settings.engine);
  take_integer(json, "engine_threads", settings.engine_threads);
  if (json.contains("engine_choices")) take(json, "engine_choices", settings.engine_choices);
  if (json.contains("max_record_bytes")) take_integer(json, "max_record_bytes", settings.max_record_bytes);
  if (json.contains("separator")) settings.separator = separator_of(json);
  if (json.contains("absent_is_missing")) take(json, "absent_is_missing", settings.absent_is_missing);
  settings.training = training_of(member(json, "training"));
  return settings;
}

TrainedPosition position_of(const Json& json) {
  TrainedPosition position;
  take(json, "topic", position.partition.topic);
  take_integer(json, "partition", position.partition.partition);
  take_integer(json, "offset", position.next.offset);
  take_integer(json, "row", position.next.row);
  const Json& last = member(json, "last_record");
  take_integer(last, "offset", position.last_record.offset);
  take_integer(last, "timestamp_ms", position.last_record.timestamp_ms);
  std::string hash;
  take(last, "hash", hash);
  const char* const end = hash.data() + hash.size();
  const auto [stop, error] = std::from_chars(hash.data(), end, position.last_record.hash, 16);
  if (error != std::errc() || stop != end) refuse("hash");
  return position;
}

TensorEntry tensor_entry_of(const Json& json) {
  TensorEntry entry;
  take(json, "name", entry.name);
  take(json, "type", entry.type);
  take_integer(json, "count", entry.count);
  take_integer(json, "begin", entry.begin);
  return entry;
}

}  // namespace

std::string write_checkpoint_header(const Checkpoint& checkpoint, const std::vector<TensorEntry>& tensors,
                                    const std::string& path) {
  Json header = {{"millrace", checkpoint.millrace_version},
                 {"sequence", checkpoint.sequence},
                 {"written_at", utc(checkpoint.written_at_ms)},
                 {"written_at_ms", checkpoint.written_at_ms},
                 {"windows", checkpoint.windows},
                 {"step", checkpoint.model.step},
                 {"skipped_in_a_row", checkpoint.model.skipped_in_a_row},
                 {"widths", checkpoint.model.shape.widths},
                 {"lifetime", json_of(checkpoint.lifetime)},
                 {"settings", json_of(checkpoint.settings)},
                 {"positions", Json::array()},
                 {"tensors", Json::array()}};
  for (const TrainedPosition& position : checkpoint.positions)
    header["positions"].push_back(json_of(position));
  for (const TensorEntry& each : tensors) {
    header["tensors"].push_back(
        {{"name", each.name}, {"type", each.type}, {"count", each.count}, {"begin", each.begin}});
  }
  return text_of(header, path);
}

std::string write_settings(const StreamSettings& settings, const std::string& path) {
  return text_of(json_of(settings), path);
}

StreamSettings read_settings(std::string_view text) { return settings_of(parsed(text)); }

CheckpointHeader read_checkpoint_header(std::string_view text) {
  const Json json = parsed(text);
  CheckpointHeader header;
  Checkpoint& checkpoint = header.checkpoint;
  take(json, "millrace", checkpoint.millrace_version);
  take_integer(json, "sequence", checkpoint.sequence);
  take_integer(json, "written_at_ms", checkpoint.written_at_ms);
  take_integer(json, "windows", checkpoint.windows);
  take_integer(json, "step", checkpoint.model.step);
  if (json.contains("skipped_in_a_row")) {
    take_integer(json, "skipped_in_a_row", checkpoint.model.skipped_in_a_row);
  }
  take(json, "widths", checkpoint.model.shape.widths);
  checkpoint.lifetime = lifetime_of(member(json, "lifetime"));
  checkpoint.settings = settings_of(member(json, "settings"));
  for (const Json& position : array_of(json, "positions"))
    checkpoint.positions.push_back(position_of(position));
  for (const Json& tensor : array_of(json, "tensors")) header.tensors.push_back(tensor_entry_of(tensor));
  return header;
}

}  // namespace millrace
