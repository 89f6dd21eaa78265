// A server on this machine that takes connections and never says a word.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace::support {

class SilentServer {
 public:
  SilentServer() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (bind(socket_, any, size) == 0 && listen(socket_, 8) == 0 && getsockname(socket_, any, &size) == 0) {
      port_ = ntohs(address.sin_port);
    }
  }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  ~SilentServer() {
    if (caller_ >= 0) close(caller_);
    close(socket_);
  }

  // Waits until somebody has connected.
  void await_caller() { caller_ = accept(socket_, nullptr, nullptr); }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::string url() const { return "http://" + address(); }

 private:
  int socket_;
  int port_ = 0;
  int caller_ = -1;
};

}  // namespace millrace::support
