// A small HTTP server for people and programs that look and change nothing: GET and HEAD, one handler.
//
// Owned by whoever shows something. Answers on threads of its own, from construction to destruction.
// Invariants: (1) nothing is served from the file system, and no request changes anything; (2) a slow or
// silent client takes a thread for a few seconds at most, and never the program's end; (3) on a loopback
// address only requests that were addressed to this machine are answered: a page from elsewhere cannot be
// made to read it by a name that points here (DNS rebinding); (4) answers forbid caching, framing and
// anything from other hosts. Errors: OptionError where the address cannot be used.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "http/listen_address.h"

namespace millrace {

struct HttpResponse {
  int status = 200;
  std::string type;  // "text/plain; charset=utf-8"
  std::string body;
};

class HttpServer {
 public:
  // Called on several threads at a time, with the path as the client wrote it, without the query.
  using Handler = std::function<HttpResponse(std::string_view path)>;

  HttpServer(const ListenAddress& address, Handler handler);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();  // after the answers that are on their way

  // With the port that was free, where none was asked for.
  [[nodiscard]] const ListenAddress& address() const;

 private:
  struct Running;
  std::unique_ptr<Running> running_;
};

}  // namespace millrace
