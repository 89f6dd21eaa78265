// A file of a model in another program's format that cannot be read, or not written as asked.
#pragma once

#include <string>
#include <utility>

#include "millrace/errors.h"

namespace millrace {

class ModelFileError : public Error {
 public:
  ModelFileError(std::string file_path, std::string error_reason, std::string error_remedy)
      : Error(file_path + ": " + error_reason),
        path(std::move(file_path)),
        reason(std::move(error_reason)),
        remedy(std::move(error_remedy)) {}
  [[nodiscard]] ExitCode exit_code() const noexcept override { return ExitCode::usage; }

  const std::string path;
  const std::string reason;  // a clause about the file: "its header is not JSON"
  const std::string remedy;  // a clause in the imperative: "write it anew"
};

}  // namespace millrace
