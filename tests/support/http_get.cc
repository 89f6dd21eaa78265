#include "support/http_get.h"

#include <arpa/inet.h>
#include <array>
#include <cstdlib>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace millrace::support {

HttpAnswer http_request(const std::string& method, std::uint16_t port, const std::string& path,
                        const std::string& host_header) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{.tv_sec = 10, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string text;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    const std::string request = method + " " + path + " HTTP/1.1\r\nHost: " + host_header + "\r\n\r\n";
    if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
      std::array<char, 65536> chunk{};
      for (ssize_t got = 0; (got = recv(fd, chunk.data(), chunk.size(), 0)) > 0;) {
        text.append(chunk.data(), static_cast<std::size_t>(got));
      }
    }
  }
  close(fd);
  const std::size_t end_of_head = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/1.1 ") || end_of_head == std::string::npos) return {};
  return {std::atoi(text.c_str() + std::string("HTTP/1.1 ").size()), text.substr(0, end_of_head),
          text.substr(end_of_head + 4)};
}

}  // namespace millrace::support
