#include "support/tcp_proxy.h"

#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <list>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace millrace::support {
namespace {

constexpr std::size_t kBlock = 65536;

[[noreturn]] void throw_errno(const char* call) {
  throw std::system_error(errno, std::generic_category(), call);
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {
    const int on = 1;
    if (fd_ >= 0) setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  const int fd_;
};

// What one side has sent and the other has not taken.
struct Flow {
  int from;
  int to;
  std::string waiting = {};

  // False: one of the two is gone.
  [[nodiscard]] bool move() {
    if (waiting.empty()) {
      std::array<char, kBlock> block{};
      const ssize_t got = recv(from, block.data(), block.size(), MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
      if (got > 0) waiting.assign(block.data(), static_cast<std::size_t>(got));
    }
    if (waiting.empty()) return true;
    const ssize_t sent = ::send(to, waiting.data(), waiting.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN;
    waiting.erase(0, static_cast<std::size_t>(sent));
    return true;
  }
};

struct Connection {
  Socket client;
  Socket server;
  Flow up{client.get(), server.get()};
  Flow down{server.get(), client.get()};

  Connection(int accepted, int target)
      : client(accepted), server(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in address = loopback(target);
    // Where nothing listens, the first read says so, and the client hears of it.
    static_cast<void>(connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
  }
};

short events_of(const Flow& in, const Flow& out) {
  return static_cast<short>((in.waiting.empty() ? POLLIN : 0) | (out.waiting.empty() ? 0 : POLLOUT));
}

}  // namespace

class TcpProxy::State {
 public:
  State() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), wake_(eventfd(0, EFD_CLOEXEC)) {
    const sockaddr_in any = loopback(0);
    socklen_t size = sizeof bound_;
    if (wake_ < 0) throw_errno("eventfd");
    if (bind(listener_.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) throw_errno("bind");
    if (getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&bound_), &size) != 0)
      throw_errno("getsockname");
    if (listen(listener_.get(), SOMAXCONN) != 0) throw_errno("listen");
    thread_ = std::thread([this] { run(); });
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    ending_ = true;
    wake();
    thread_.join();
    close(wake_);
  }

  [[nodiscard]] int port() const { return ntohs(bound_.sin_port); }
  void lead_to(int port) {
    target_ = port;
    wake();
  }
  void set_cut(bool cut) {
    cut_ = cut;
    wake();
  }

 private:
  void wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof one);
  }

  void run() {
    std::vector<pollfd> sources;
    while (!ending_) {
      const bool open = !cut_ && target_ != 0;
      sources.assign({{wake_, POLLIN, 0}});
      if (open) {
        sources.push_back({listener_.get(), POLLIN, 0});
        for (const Connection& each : connections_) {
          sources.push_back({each.client.get(), events_of(each.up, each.down), 0});
          sources.push_back({each.server.get(), events_of(each.down, each.up), 0});
        }
      }
      if (poll(sources.data(), sources.size(), -1) < 0) continue;
      if ((sources[0].revents & POLLIN) != 0) {
        std::uint64_t ignored = 0;
        [[maybe_unused]] const ssize_t got = read(wake_, &ignored, sizeof ignored);
        continue;  // the way may be cut now
      }
      connections_.remove_if([](Connection& each) { return !each.up.move() || !each.down.move(); });
      if ((sources[1].revents & POLLIN) == 0) continue;
      const int accepted = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (accepted >= 0) connections_.emplace_back(accepted, target_);
    }
  }

  // Constant after construction.
  Socket listener_;
  sockaddr_in bound_{};
  const int wake_;

  std::atomic<int> target_ = 0;
  std::atomic<bool> cut_ = false;
  std::atomic<bool> ending_ = false;

  std::list<Connection> connections_;  // the thread's
  std::thread thread_;
};

TcpProxy::TcpProxy() : state_(std::make_unique<State>()) {}
TcpProxy::~TcpProxy() = default;
int TcpProxy::port() const { return state_->port(); }
void TcpProxy::lead_to(int port) { state_->lead_to(port); }
void TcpProxy::cut() { state_->set_cut(true); }
void TcpProxy::mend() { state_->set_cut(false); }

}  // namespace millrace::support
