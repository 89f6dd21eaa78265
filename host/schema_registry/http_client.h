// One GET after the other, over HTTP or HTTPS, by libcurl.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

namespace millrace {

struct HttpAccess {
  std::string user;     // empty: none; else basic authentication
  std::string secret;   // never shown
  std::string ca_file;  // empty: the authorities that the system trusts
};

struct HttpReply {
  enum class Failure { none, unreachable, tls, stopped };
  Failure failure = Failure::none;
  std::string detail;  // of a failure
  long status = 0;
  std::string body;
};

// Returns at the latest when the time is up, and soon after a stop. Any thread; throws nothing of its own.
[[nodiscard]] HttpReply http_get(const std::string& url, const HttpAccess& access,
                                 std::chrono::milliseconds at_most, const std::stop_token& stop);

// As a part of a path.
[[nodiscard]] std::string escaped_for_url(const std::string& text);

}  // namespace millrace
