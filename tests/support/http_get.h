// One request to a server on this machine, as plain as it goes over the wire. Any thread.
#pragma once

#include <cstdint>
#include <string>

namespace millrace::support {

struct HttpAnswer {
  int status = 0;    // 0: nobody listens, or the answer is none
  std::string head;  // status line and headers
  std::string body;
};

// `host_header` is what the request claims to be addressed to.
[[nodiscard]] HttpAnswer http_request(const std::string& method, std::uint16_t port, const std::string& path,
                                      const std::string& host_header = "localhost");

[[nodiscard]] inline HttpAnswer http_get(std::uint16_t port, const std::string& path) {
  return http_request("GET", port, path);
}

}  // namespace millrace::support
