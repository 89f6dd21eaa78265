// A way between clients and a server that a test can cut: while it is cut, no byte passes and nobody is told,
// as where a cable is pulled.
//
// The clients connect to a port on the loopback interface. What one side had sent and the other had not got
// when the way was cut arrives once it is mended, as TCP would send it again. A thread of the proxy does the
// work; one thread calls everything. Errors: std::system_error.
#pragma once

#include <memory>

namespace millrace::support {

class TcpProxy {
 public:
  TcpProxy();  // clients wait until it leads somewhere
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;
  ~TcpProxy();

  [[nodiscard]] int port() const;  // for clients

  // To a port of this machine; once.
  void lead_to(int port);

  void cut();
  void mend();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::support
