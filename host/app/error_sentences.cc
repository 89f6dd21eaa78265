#include "app/error_sentences.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <new>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "millrace/window.h"

#include "app/input_row_error.h"
#include "decode/field_outcome.h"
#include "model_file/model_file_error.h"
#include "schema_registry/registry_error.h"

namespace millrace {

namespace {

// Details come from elsewhere: some end in a full stop, some are empty.
std::string_view without_stop(std::string_view detail) {
  while (detail.ends_with('.') || detail.ends_with(' ') || detail.ends_with('\n')) detail.remove_suffix(1);
  return detail;
}

std::string in_brackets(std::string_view detail) {
  detail = without_stop(detail);
  return detail.empty() ? std::string() : fmt::format(" ({})", detail);
}

std::string sentence(const OptionError& error) {
  const std::string_view reason = without_stop(error.reason);
  const std::string value = error.value.empty() ? std::string() : fmt::format(" \"{}\"", error.value);
  switch (error.kind) {
    case OptionError::Kind::unknown:
      if (error.nearest.empty()) return fmt::format("{}{} is unknown: {}.", error.option, value, reason);
      return fmt::format("{}{} is unknown: {}; did you mean {}?", error.option, value, reason, error.nearest);
    case OptionError::Kind::missing:
      return fmt::format("{}{} is missing: {}.", error.option, value, reason);
    case OptionError::Kind::invalid:
    case OptionError::Kind::conflict:
      return fmt::format("{}{}: {}.", error.option, value, reason);
  }
  throw std::logic_error("kind of OptionError without a sentence");
}

std::string sentence(const KafkaError& error) {
  const std::string circumstances =
      fmt::format("while {} ({}: {})", error.operation, error.code, without_stop(error.detail));
  if (error.code == "_FENCED" || error.code == "FENCED_INSTANCE_ID") {
    return fmt::format(
        "Another process took over, or this one was away for too long {}; nothing is lost or doubled: start "
        "it again, "
        "and give --instance NAME to one process alone.",
        circumstances);
  }
  switch (error.kind) {
    case KafkaError::Kind::unreachable:
      return fmt::format("No broker could be reached {}; check --brokers, and that a broker runs there.",
                         circumstances);
    case KafkaError::Kind::topic_missing:
      return fmt::format(
          "The topic {} does not exist; check --topic, or create it, for example with `millrace produce "
          "--partitions N`.",
          error.topic);
    case KafkaError::Kind::dead_letter_topic_missing:
      return fmt::format(
          "The dead-letter topic {} does not exist, and millrace makes none; create it, for example with "
          "`kafka-topics.sh --create --topic {} --partitions 1`, or check --dead-letter-topic.",
          error.topic, error.topic);
    case KafkaError::Kind::partition_missing:
      return fmt::format(
          "Partition {} of the topic {} does not exist{}; check the partitions that --from names.",
          error.partition, error.topic, in_brackets(error.detail));
    case KafkaError::Kind::authentication:
      return fmt::format(
          "The broker refused access {}; check security.protocol and the sasl.* properties in -X or "
          "[kafka], and what the user may do.",
          circumstances);
    case KafkaError::Kind::tls:
      return fmt::format(
          "No TLS connection could be made {}; check security.protocol and the ssl.* properties in -X "
          "or [kafka].",
          circumstances);
    case KafkaError::Kind::timed_out:
      return fmt::format(
          "The broker did not answer in time {}; check --brokers and the broker, or wait longer with "
          "--kafka-timeout-ms.",
          circumstances);
    case KafkaError::Kind::other:
      return fmt::format("Kafka reported an error {}; the broker's log says more.", circumstances);
  }
  throw std::logic_error("kind of KafkaError without a sentence");
}

std::string sentence(const DataLossError& error) {
  const std::string where = fmt::format("{}/{}", error.partition.topic, error.partition.partition);
  switch (error.kind) {
    case DataLossError::Kind::deleted:
      return fmt::format(
          "Records of {} from offset {} on were deleted from the log, which begins at {}; --on-data-loss "
          "continue goes on there.",
          where, error.position, error.log_begin);
    case DataLossError::Kind::beyond_end:
      return fmt::format(
          "Records of {} from offset {} on are not in the log, which ends at {}: it was cut or made anew; "
          "--on-data-loss continue reads it from its beginning.",
          where, error.position, error.log_end);
    case DataLossError::Kind::replaced:
      return fmt::format(
          "The log of {} is not the one that was read up to offset {}: it was cut or made anew, and holds "
          "offsets {} to {} now; --on-data-loss continue reads it from its beginning.",
          where, error.position, error.log_begin, error.log_end);
  }
  throw std::logic_error("kind of DataLossError without a sentence");
}

std::string sentence(const ChangedWindowError& error) {
  std::vector<std::string> ranges;
  for (const ChangedWindowError::Range& range : error.ranges) {
    ranges.push_back(fmt::format("{}/{} from offset {} to {}", range.partition.topic,
                                 range.partition.partition, range.begin, range.end - 1));
  }
  const std::string what =
      error.rows_in_log == error.rows_in_journal
          ? std::string("other rows stand there now")
          : fmt::format("{} of its {} rows are there", error.rows_in_log, error.rows_in_journal);
  return fmt::format(
      "Window {} of the journal cannot be trained again as it was ({}): {}; --on-data-loss continue trains "
      "what is left.",
      error.window, fmt::join(ranges, ", "), what);
}

// The phrase of a reason that an error calls by name.
std::string phrase_for(std::string_view reason_name) {
  for (std::size_t reason = 0; reason < kBadRecordReasons; ++reason) {
    const auto known = static_cast<BadRecordReason>(reason);
    if (name_of(known) == reason_name) return std::string(phrase_of(known));
  }
  return fmt::format("is bad: {}", reason_name);
}

std::string sentence(const BadRecordError& error) {
  return fmt::format(
      "The record at offset {} of {}/{} {}{}; --errors-tolerance all counts such records and skips them.",
      error.offset, error.partition.topic, error.partition.partition, phrase_for(error.reason),
      place_in_record(error.row, error.field));
}

std::string sentence(const BadShareError& error) {
  return fmt::format(
      "{} of the newest {} records were bad, more than --max-bad-share {} allows (most often, the record "
      "{}); "
      "correct what writes them, or raise --max-bad-share and start again with the same command.",
      error.bad, error.records, error.limit, phrase_for(error.reason));
}

std::string sentence(const StateError& error) {
  const std::string detail = in_brackets(error.detail);
  switch (error.kind) {
    case StateError::Kind::locked:
      return fmt::format("The state folder {} is in use{}; end that process, or choose another --state.",
                         error.path, detail);
    case StateError::Kind::damaged:
      return fmt::format("{} is damaged{}; put back a copy of it, or begin anew with another --state.",
                         error.path, detail);
    case StateError::Kind::newer_version:
      return fmt::format("{} was written by a newer millrace{}; use that version.", error.path, detail);
    case StateError::Kind::no_space:
      return fmt::format(
          "There is no space left for {}{}; make room and start again with the same command, which goes "
          "on at the newest checkpoint.",
          error.path, detail);
    case StateError::Kind::not_writable:
      return fmt::format("{} cannot be written{}; change its permissions, or choose another place for it.",
                         error.path, detail);
    case StateError::Kind::missing:
      return fmt::format("There is no state in {}{}; check the path, or make one with `millrace train`.",
                         error.path, detail);
    case StateError::Kind::io:
      return fmt::format("{} cannot be used{}; check the disk that holds it.", error.path, detail);
  }
  throw std::logic_error("kind of StateError without a sentence");
}

std::string sentence(const MismatchError& error) {
  return fmt::format("The state {} was made with {} {}, not {}; use --{} {}, or another --state.", error.path,
                     error.setting, error.in_state, error.requested, error.setting, error.in_state);
}

std::string sentence(const DeviceError& error) {
  return fmt::format("The device cannot be used: {}; --engine cpu trains without it.",
                     without_stop(error.detail));
}

std::string sentence(const NumericalError& error) {
  return fmt::format(
      "Training diverged: update after update up to window {} was not finite; go on with a lower "
      "--learning-rate and --on-divergence rollback, which takes the weights of the last good checkpoint, or "
      "begin anew with --standardize.",
      error.window);
}

std::string sentence(const InputRowError& error) {
  return fmt::format("{}:{}: {}; correct this row.", error.input, error.line, without_stop(error.reason));
}

std::string sentence(const ModelFileError& error) {
  return fmt::format("{}: {}; {}.", error.path, error.reason, error.remedy);
}

std::string sentence(const RegistryError& error) {
  const std::string_view detail = without_stop(error.detail);
  switch (error.kind) {
    case RegistryError::Kind::unreachable:
      return fmt::format(
          "The Schema Registry {} did not answer in time ({}); check --schema-registry, and that it runs "
          "there, or "
          "wait longer with --schema-registry-timeout-ms; then start again with the same command.",
          error.url, detail);
    case RegistryError::Kind::authentication:
      return fmt::format(
          "The Schema Registry {} refused access ({}); check --schema-registry-user, the secret in "
          "--schema-registry-secret-file or MILLRACE_SCHEMA_REGISTRY_SECRET, and what the user may read.",
          error.url, detail);
    case RegistryError::Kind::tls:
      return fmt::format(
          "No TLS connection to the Schema Registry {} could be made ({}); check --schema-registry and "
          "--schema-registry-ca.",
          error.url, detail);
    case RegistryError::Kind::other:
      return fmt::format("The Schema Registry {} cannot be used ({}); check the path in --schema-registry.",
                         error.url, detail);
  }
  throw std::logic_error("kind of RegistryError without a sentence");
}

std::string sentence(const std::bad_alloc&) {
  return "There is not enough memory; lower --memory-bytes or --window-rows.";
}

// The sentence, if the error is of this type.
template <typename Type>
bool take(const std::exception& error, std::string& text) {
  const auto* const typed = dynamic_cast<const Type*>(&error);
  if (typed != nullptr) text = sentence(*typed);
  return typed != nullptr;
}

}  // namespace

std::string sentence_for(const std::exception& error) {
  std::string text;
  const bool known = take<OptionError>(error, text) || take<KafkaError>(error, text) ||
                     take<DataLossError>(error, text) || take<ChangedWindowError>(error, text) ||
                     take<BadRecordError>(error, text) || take<BadShareError>(error, text) ||
                     take<StateError>(error, text) || take<MismatchError>(error, text) ||
                     take<DeviceError>(error, text) || take<NumericalError>(error, text) ||
                     take<InputRowError>(error, text) || take<ModelFileError>(error, text) ||
                     take<RegistryError>(error, text) || take<std::bad_alloc>(error, text);
  if (!known) {
    text = fmt::format("Something unexpected went wrong: {}; please report it, with the command line.",
                       without_stop(error.what()));
  }
  // A value or a detail may hold line breaks or terminal codes.
  std::ranges::replace_if(
      text, [](char letter) { return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7F; }, ' ');
  return text;
}

ExitCode exit_code_for(const std::exception& error) {
  const auto* const known = dynamic_cast<const Error*>(&error);
  return known != nullptr ? known->exit_code() : ExitCode::unexpected;
}

}  // namespace millrace
