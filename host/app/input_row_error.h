// A row of the input of `millrace produce` that cannot be sent.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "millrace/errors.h"

namespace millrace {

class InputRowError : public Error {
 public:
  InputRowError(std::string input_name, std::uint64_t line_number, std::string error_reason)
      : Error(input_name + ":" + std::to_string(line_number) + ": " + error_reason),
        input(std::move(input_name)),
        line(line_number),
        reason(std::move(error_reason)) {}
  [[nodiscard]] ExitCode exit_code() const noexcept override { return ExitCode::bad_records; }

  const std::string input;   // the file, or "standard input"
  const std::uint64_t line;  // where the row begins, from 1
  const std::string reason;  // what is wrong with it, without a final full stop
};

}  // namespace millrace
