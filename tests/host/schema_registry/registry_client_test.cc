#include "schema_registry/registry_client.h"

#include <arpa/inet.h>
#include <chrono>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "millrace/errors.h"

#include "decode/decode_stopped.h"

namespace millrace {
namespace {

using namespace std::chrono_literals;

// Takes connections and never says a word.
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

  // Waits until somebody connected.
  void await_caller() { caller_ = accept(socket_, nullptr, nullptr); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  int socket_;
  int port_ = 0;
  int caller_ = -1;
};

TEST(RegistryClient, StopsWaitingSoonAfterAStop) {
  SilentServer server;
  std::stop_source stop;
  const RegistryClient client({.urls = {server.url()}, .access = {}, .timeout = 60s}, stop.get_token());
  const std::jthread stopper([&] {
    server.await_caller();
    stop.request_stop();
  });
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THROW((void)client.schema_of(1), DecodeStopped);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
}

TEST(RegistryClient, RefusesAddressesThatAreNone) {
  for (const char* url : {"", "registry:8081", "ftp://registry", "http://user:secret@registry:8081"}) {
    EXPECT_THROW((RegistryClient{{.urls = {url}, .access = {}}, {}}), OptionError) << url;
  }
}

}  // namespace
}  // namespace millrace
