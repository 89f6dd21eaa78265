// What can go wrong, as types that carry identifiers. Only the command line turns them into sentences
// (host/app/error_sentences.cc) and into the exit codes below; `what()` is a short technical line for logs.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "millrace/position.h"

namespace millrace {

// The exit codes of the program, documented in docs/exit-codes.md.
enum class ExitCode : int {
  done = 0,
  unexpected = 1,
  usage = 2,        // the command line, the environment or a configuration file
  broker = 3,       // the broker or its security
  data_lost = 4,    // records that must be read are gone, or a position is out of range
  bad_records = 5,  // bad records beyond the tolerance
  state = 6,        // the state folder: damaged, locked, full
  device = 7,
  numerical = 8,
};

class Error : public std::runtime_error {
 public:
  [[nodiscard]] virtual ExitCode exit_code() const noexcept = 0;

 protected:
  using std::runtime_error::runtime_error;
};

// A setting that is not acceptable.
class OptionError : public Error {
 public:
  enum class Kind { unknown, invalid, missing, conflict };

  OptionError(Kind error_kind, std::string option_name, std::string given_value, std::string error_reason,
              std::string nearest_name = {})
      : Error("option " + option_name + ": " + error_reason),
        kind(error_kind),
        option(std::move(option_name)),
        value(std::move(given_value)),
        reason(std::move(error_reason)),
        nearest(std::move(nearest_name)) {}
  [[nodiscard]] ExitCode exit_code() const noexcept override { return ExitCode::usage; }

  const Kind kind;
  const std::string option;   // as the user wrote it: `--stop`, `MILLRACE_STOP`, `stop` in FILE
  const std::string value;    // may be empty
  const std::string reason;   // what is wrong and what is expected, without a final full stop
  const std::string nearest;  // for unknown names: the nearest known one, or empty
};

// The broker, the network, or security.
class KafkaError : public Error {
 public:
  enum class Kind {
    unreachable,
    topic_missing,
    dead_letter_topic_missing,
    partition_missing,
    authentication,
    tls,
    timed_out,
    other
  };

  KafkaError(Kind error_kind, std::string failed_operation, std::string code_name, std::string error_detail,
             std::string topic_name = {}, std::int32_t partition_number = -1)
      : Error(failed_operation + ": " + code_name + ": " + error_detail),
        kind(error_kind),
        operation(std::move(failed_operation)),
        code(std::move(code_name)),
        detail(std::move(error_detail)),
        topic(std::move(topic_name)),
        partition(partition_number) {}
  [[nodiscard]] ExitCode exit_code() const noexcept override { return ExitCode::broker; }

  const Kind kind;
  const std::string operation;  // what was being done: "fetching metadata"
  const std::string code;       // librdkafka's name of the error: "_TRANSPORT"
  const std::string detail;
  const std::string topic;       // may be empty
  const std::int32_t partition;  // -1: none in particular
};

// Records that should be read next are not in the log.
class DataLossError : public Error {
 public:
  enum class Kind {
    deleted,     // the log begins after the position
    beyond_end,  // the log ends before the position: it was cut, or made anew
    replaced,    // the log holds the position, but other records than before: likewise
  };

  DataLossError(Kind error_kind, TopicPartition where, std::int64_t wanted, std::int64_t begin,
                std::int64_t end)
      : Error(where.topic + "/" + std::to_string(where.partition) + ": offset " + std::to_string(wanted) +
              (error_kind == Kind::replaced ? " is of another log, now [" : " is outside [") +
              std::to_string(begin) + ", " + std::to_string(end) + "]"),
        kind(error_kind),
        partition(std::move(where)),
        position(wanted),
        log_begin(begin),
        log_end(end) {}
  [[nodiscard]] ExitCode exit_code() const noexcept override { return ExitCode::data_lost; }

  const Kind kind;
  const TopicPartition partition;
  const std::int64_t position;  // what was to be read next
  const std::int64_t log_begin;
  const std::int64_t log_end;
};

// The records of a journalled window are not what they were: they vanished, or others stand in their place.
class ChangedWindowError : public Error {
 public:
  struct Range {
    TopicPartition partition;
    std::int64_t begin = 0;  // offsets
    std::int64_t end = 0;
  };

  ChangedWindowError(std::uint64_t window_index, std::uint64_t rows_before, std::uint64_t rows_now,
                     std::vector<Range> window_ranges)
      : Error("window " + std::to_string(window_index) + " was trained with " + std::to_string(rows_before) +
              " rows; its ranges give " + std::to_string(rows_now) + " now, or other ones"),
        window(window_index),
        rows_in_journal(rows_before),
        rows_in_log(rows_now),
        ranges(std::move(window_ranges)) {}
  [[nodiscard]] ExitCode exit_code() const noexcept override { return ExitCode::data_lost; }

  const std::uint64_t window;
  const std::uint64_t rows_in_journal;
  const std::uint64_t rows_in_log;
  const std::vector<Range> ranges;
};

// A bad record, where the settings tolerate none.
class BadRecordError : public Error {
 public:
  BadRecordError(TopicPartition where, std::int64_t record_offset, std::string reason_name,
                 std::string field_name, std::int32_t row_number = -1)
      : Error(where.topic + "/" + std::to_string(where.partition) + " offset " +
              std::to_string(record_offset) + ": " + reason_name),
        partition(std::move(where)),
        offset(record_offset),
        reason(std::move(reason_name)),
        field(std::move(field_name)),
        row(row_number) {}
  [[nodiscard]] ExitCode exit_code() const noexcept override { return ExitCode::bad_records; }

  const TopicPartition partition;
  const std::int64_t offset;
  const std::string reason;
  const std::string field;  // the column, or empty
  const std::int32_t row;   // of a record of many rows, from 0; -1: none in particular
};

// More bad records among the newest ones than the settings tolerate.
class BadShareError : public Error {
 public:
  BadShareError(std::uint64_t bad_records, std::uint64_t newest_records, double tolerated_share,
                std::string most_frequent_reason)
      : Error(std::to_string(bad_records) + " of " + std::to_string(newest_records) + " records are bad"),
        bad(bad_records),
        records(newest_records),
        limit(tolerated_share),
        reason(std::move(most_frequent_reason)) {}
  [[nodiscard]] ExitCode exit_code() const noexcept override { return ExitCode::bad_records; }

  const std::uint64_t bad;
  const std::uint64_t records;  // tombstones are neither here nor there
  const double limit;           // from 0 to 1
  const std::string reason;     // the most frequent one's name
};

// The state folder or a file in it.
class StateError : public Error {
 public:
  enum class Kind { locked, damaged, newer_version, no_space, not_writable, missing, io };

  StateError(Kind error_kind, std::string file_path, std::string error_detail)
      : Error(file_path + ": " + error_detail),
        kind(error_kind),
        path(std::move(file_path)),
        detail(std::move(error_detail)) {}
  [[nodiscard]] ExitCode exit_code() const noexcept override { return ExitCode::state; }

  const Kind kind;
  const std::string path;
  const std::string detail;  // locked: who holds it; io: the operation and the system's word for it
};

// A state folder made with other settings than those that are asked for now.
class MismatchError : public Error {
 public:
  MismatchError(std::string state_path, std::string setting_name, std::string value_in_state,
                std::string value_requested)
      : Error(state_path + ": " + setting_name + " is " + value_in_state + ", not " + value_requested),
        path(std::move(state_path)),
        setting(std::move(setting_name)),
        in_state(std::move(value_in_state)),
        requested(std::move(value_requested)) {}
  [[nodiscard]] ExitCode exit_code() const noexcept override { return ExitCode::usage; }

  const std::string path;
  const std::string setting;  // the option's name without dashes: "layers"
  const std::string in_state;
  const std::string requested;
};

// The GPU, its driver, or a library of theirs.
class DeviceError : public Error {
 public:
  explicit DeviceError(std::string error_detail) : Error(error_detail), detail(std::move(error_detail)) {}
  [[nodiscard]] ExitCode exit_code() const noexcept override { return ExitCode::device; }

  const std::string detail;
};

// Training diverged: update after update had a loss or a gradient that was not finite.
class NumericalError : public Error {
 public:
  explicit NumericalError(std::uint64_t window_index)
      : Error("up to window " + std::to_string(window_index) + ": no finite step"), window(window_index) {}
  [[nodiscard]] ExitCode exit_code() const noexcept override { return ExitCode::numerical; }

  const std::uint64_t window;
};

}  // namespace millrace
