#pragma once

#include <string>
#include <utility>

#include "millrace/errors.h"

namespace millrace {

// The Schema Registry, the way to it, or its security.
class RegistryError : public Error {
 public:
  enum class Kind { unreachable, authentication, tls, other };

  RegistryError(Kind error_kind, std::string registry_url, std::string error_detail)
      : Error("schema registry " + registry_url + ": " + error_detail),
        kind(error_kind),
        url(std::move(registry_url)),
        detail(std::move(error_detail)) {}
  [[nodiscard]] ExitCode exit_code() const noexcept override { return ExitCode::broker; }

  const Kind kind;
  const std::string url;  // as it was given; it holds no secrets
  const std::string detail;
};

}  // namespace millrace
