// Where a server listens, as --listen says it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

struct ListenAddress {
  std::string host = "127.0.0.1";  // a number: 127.0.0.1, 0.0.0.0, ::1
  std::uint16_t port = 0;          // 0: any free one

  [[nodiscard]] bool is_loopback() const;
  // `127.0.0.1:9090`, `[::1]:9090`
  [[nodiscard]] std::string text() const;
};

// `HOST:PORT`, `[IPV6]:PORT`, or `:PORT` and `PORT`, which mean this machine alone. A host is a number or
// `localhost`. Null: it is none of these.
[[nodiscard]] std::optional<ListenAddress> parse_listen_address(std::string_view text);

}  // namespace millrace
