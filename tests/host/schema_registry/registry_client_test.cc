#include "schema_registry/registry_client.h"

#include <chrono>
#include <gtest/gtest.h>
#include <stop_token>
#include <thread>

#include "millrace/errors.h"

#include "decode/decode_stopped.h"
#include "support/silent_server.h"

namespace millrace {
namespace {

using namespace std::chrono_literals;

TEST(RegistryClient, StopsWaitingSoonAfterAStop) {
  support::SilentServer server;
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
