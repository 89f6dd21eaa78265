#include "http/http_server.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <civetweb.h>
#include <exception>
#include <fmt/format.h>
#include <future>
#include <mutex>
#include <netdb.h>
#include <spdlog/spdlog.h>
#include <stdexcept>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "millrace/errors.h"

namespace millrace {
namespace {

constexpr const char* kPlain = "text/plain; charset=utf-8";

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      throw std::logic_error("an HTTP status without a phrase");
  }
}

// Without its port, and without the brackets of an IPv6 address.
std::string_view name_in(std::string_view host) {
  if (host.starts_with('[')) return host.substr(1, std::min(host.find(']'), host.size()) - 1);
  return host.substr(0, host.find(':'));
}

bool names_this_machine(std::string_view host) {
  const std::string_view name = name_in(host);
  return name.empty() || name == "localhost" || name == "::1" || name.starts_with("127.");
}

// Connects, and asks for nothing.
void knock(const ListenAddress& address) {
  addrinfo* found = nullptr;
  const addrinfo numbers{.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  if (getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &numbers, &found) != 0) return;
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    static_cast<void>(connect(fd, found->ai_addr, found->ai_addrlen));
    close(fd);
  }
  freeaddrinfo(found);
}

void send(mg_connection* connection, const HttpResponse& response, bool with_body) {
  const std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\n"
      "Content-Type: {}\r\n"
      "Content-Length: {}\r\n"
      "Cache-Control: no-store\r\n"
      "Connection: close\r\n"
      "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
      "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
      "Referrer-Policy: no-referrer\r\n"
      "X-Content-Type-Options: nosniff\r\n"
      "{}\r\n",
      response.status, reason_of(response.status), response.type, response.body.size(),
      response.status == 405 ? "Allow: GET, HEAD\r\n" : "");
  mg_write(connection, head.data(), head.size());
  if (with_body) mg_write(connection, response.body.data(), response.body.size());
}

}  // namespace

struct HttpServer::Running {
  ListenAddress address;
  Handler handler;
  std::mutex mutex;
  std::string complaint;  // the first one of the library; guarded by mutex
  mg_context* context = nullptr;

  HttpResponse answer(const mg_request_info& request, const char* host) const {
    const std::string_view method = request.request_method;
    if (method != "GET" && method != "HEAD") return {405, kPlain, "This server is for looking only.\n"};
    if (address.is_loopback() && host != nullptr && !names_this_machine(host)) {
      return {403, kPlain, "This server answers to this machine's own names only.\n"};
    }
    return handler(request.local_uri);
  }

  // On the server's threads.
  static int on_request(mg_connection* connection) noexcept {
    const mg_request_info& request = *mg_get_request_info(connection);
    const auto& running = *static_cast<const Running*>(request.user_data);
    HttpResponse response;
    try {
      response = running.answer(request, mg_get_header(connection, "Host"));
    } catch (const std::exception& error) {
      spdlog::warn("http: answering {} failed: {}", request.local_uri, error.what());
      response = {500, kPlain, "Something went wrong; the log says more.\n"};
    }
    send(connection, response, std::string_view(request.request_method) != "HEAD");
    return response.status;
  }

  static int on_message(const mg_connection* connection, const char* text) {
    spdlog::debug("http: {}", text);
    // Before the server is whole it says why it will never be.
    if (auto* running = static_cast<Running*>(mg_get_user_data(mg_get_context(connection)))) {
      const std::lock_guard lock(running->mutex);
      if (running->complaint.empty()) running->complaint = text;
    }
    return 1;
  }
};

HttpServer::HttpServer(const ListenAddress& address, Handler handler)
    : running_(std::make_unique<Running>()) {
  running_->address = address;
  running_->handler = std::move(handler);
  const std::string ports = address.text();
  const std::array<const char*, 9> options = {
      "listening_ports",   ports.c_str(), "num_threads", "4", "request_timeout_ms", "5000",
      "linger_timeout_ms", "1000",        nullptr};
  mg_callbacks callbacks{};
  callbacks.begin_request = &Running::on_request;
  callbacks.log_message = &Running::on_message;
  static std::once_flag once;
  std::call_once(once, [] { mg_init_library(0); });
  running_->context = mg_start(&callbacks, running_.get(), const_cast<const char**>(options.data()));
  if (running_->context == nullptr) {
    throw OptionError(OptionError::Kind::invalid, "--listen", ports,
                      running_->complaint.empty()
                          ? "this address cannot be listened on"
                          : "this address cannot be listened on: " + running_->complaint);
  }
  mg_server_port bound{};
  if (mg_get_server_ports(running_->context, 1, &bound) == 1) {
    running_->address.port = static_cast<std::uint16_t>(bound.port);
  }
}

HttpServer::~HttpServer() {
  // The library looks only every two seconds whether it should end; somebody who knocks makes it look.
  constexpr std::chrono::milliseconds kBetweenKnocks{10};
  std::promise<void> stopped;
  std::thread stopper([&] {
    mg_stop(running_->context);
    stopped.set_value();
  });
  std::future<void> end = stopped.get_future();
  while (end.wait_for(kBetweenKnocks) != std::future_status::ready) knock(running_->address);
  stopper.join();
}

const ListenAddress& HttpServer::address() const { return running_->address; }

}  // namespace millrace
