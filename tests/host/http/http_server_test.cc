#include "http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdexcept>
#include <string>

#include "millrace/errors.h"

#include "support/http_get.h"

namespace millrace {
namespace {

using support::http_get;
using support::http_request;
using support::HttpAnswer;
using ::testing::HasSubstr;

HttpResponse echo(std::string_view path) {
  if (path == "/throw") throw std::runtime_error("secret");
  return {path == "/sick" ? 503 : 200, "text/plain", std::string(path)};
}

class Server : public testing::Test {
 protected:
  [[nodiscard]] std::uint16_t port() const { return server_.address().port; }
  HttpServer server_{{}, &echo};
};

TEST_F(Server, FindsAFreePortAndAnswersThere) {
  EXPECT_NE(port(), 0);
  const HttpAnswer answer = http_get(port(), "/a?b=c");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "/a");
  EXPECT_THAT(answer.head, HasSubstr("Cache-Control: no-store"));
  EXPECT_EQ(http_get(port(), "/sick").status, 503);
}

TEST_F(Server, AnswersHeadWithoutABody) {
  const HttpAnswer answer = http_request("HEAD", port(), "/abc");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.head, HasSubstr("Content-Length: 4"));
  EXPECT_EQ(answer.body, "");
}

TEST_F(Server, ChangesNothing) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS"}) {
    EXPECT_EQ(http_request(method, port(), "/").status, 405) << method;
  }
}

TEST_F(Server, AnswersOnlyToNamesOfThisMachine) {
  for (const char* host : {"localhost", "localhost:80", "127.0.0.1:9", "[::1]:9", "127.9.9.9"}) {
    EXPECT_EQ(http_request("GET", port(), "/", host).status, 200) << host;
  }
  for (const char* host : {"evil.example", "evil.example:80", "localhost.evil.example", "10.0.0.1"}) {
    EXPECT_EQ(http_request("GET", port(), "/", host).status, 403) << host;
  }
}

TEST_F(Server, TellsNoDetailsOfWhatWentWrong) {
  const HttpAnswer answer = http_get(port(), "/throw");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body.find("secret"), std::string::npos);
}

TEST_F(Server, RefusesAPortThatIsTaken) {
  try {
    const HttpServer second({.port = port()}, &echo);
    FAIL() << "two servers on one port";
  } catch (const OptionError& error) {
    EXPECT_EQ(error.option, "--listen");
    EXPECT_THAT(error.reason, HasSubstr("in use"));
  }
}

}  // namespace
}  // namespace millrace
