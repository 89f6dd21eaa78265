// A run as others watch it: over HTTP, while a real broker comes and goes.
#include <chrono>
#include <csignal>
#include <functional>
#include <gmock/gmock.h>
#include <thread>

#include "integration/kafka_test.h"
#include "support/http_get.h"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using support::http_get;
using support::HttpAnswer;
using support::KafkaBroker;
using support::Process;
using support::ProcessResult;
using ::testing::HasSubstr;

class Watch : public KafkaTest {
 protected:
  // The port that a run says it listens on.
  static std::uint16_t port_of(Process& training) {
    const auto line = training.wait_for_line("Listening on http://127.0.0.1:[0-9]+/", kRunLimit);
    if (!line) throw std::runtime_error("it does not listen: " + training.wait(0s).describe());
    return static_cast<std::uint16_t>(std::stoi(line->substr(line->rfind(':') + 1)));
  }
};

TEST_F(Watch, IsNotReadyWhileTheBrokerHangsAndTrainsOnAfterwards) {
  KafkaBroker broker(broker_.version());
  broker.create_topic(topic_, 2);
  support::RecordProducer producer(broker.brokers());
  const std::vector<support::RawRecord> rows = {{"0", "5,1,1,1,2,1,3,1,1"}, {"1", "8,10,10,8,7,10,9,7,1"}};
  producer.send(topic_, 0, rows);
  Process training(millrace_command({"train", "--brokers", broker.brokers(), "--topic", topic_, "--features",
                                     "9", "--state", state(), "--window-ms", "100", "--checkpoint-ms", "100",
                                     "--listen", "0", "--json", "--quiet"}));
  const std::uint16_t port = port_of(training);
  const auto ready = [&] { return http_get(port, "/readyz").status == 200; };
  ASSERT_TRUE(comes_true_within(kRunLimit, ready)) << training.err();

  broker.pause();
  EXPECT_TRUE(comes_true_within(15s, [&] { return !ready(); }))
      << "it takes a broker that hangs for a living one";
  EXPECT_THAT(http_get(port, "/readyz").body, HasSubstr("brokers have not answered"));
  EXPECT_EQ(http_get(port, "/healthz").status, 200) << "to restart it would help nobody";
  broker.go_on();
  EXPECT_TRUE(comes_true_within(10s, ready)) << http_get(port, "/readyz").body;

  producer.send(topic_, 1, rows);
  EXPECT_TRUE(comes_true_within(kRunLimit, [&] {
    return json_count(succeed({"inspect", state(), "--json"}).out, "/rows") == 4;
  })) << training.err();
  training.send(SIGTERM);
  const ProcessResult ended = training.wait(kRunLimit);
  EXPECT_EQ(ended.exit_code, 0) << ended.describe();
  EXPECT_EQ(json_count(ended.out, "/rows"), 4);
}

TEST_F(Watch, EndsInTimeWithTheBrokerDeadAndSomebodyWatching) {
  KafkaBroker broker(broker_.version());
  broker.create_topic(topic_, 1);
  support::RecordProducer(broker.brokers()).send(topic_, 0, {{"0", "5,1,1,1,2,1,3,1,1"}});
  Process training(
      millrace_command({"train", "--brokers", broker.brokers(), "--topic", topic_, "--features", "9",
                        "--state", state(), "--window-ms", "100", "--listen", "0", "--json", "--quiet"}));
  const std::uint16_t port = port_of(training);
  ASSERT_TRUE(comes_true_within(kRunLimit, [&] { return http_get(port, "/readyz").status == 200; }));
  broker.pause();
  const auto asked = std::chrono::steady_clock::now();
  training.send(SIGTERM);
  const ProcessResult ended = training.wait(20s);
  EXPECT_EQ(ended.exit_code, 0) << ended.describe();
  EXPECT_LT(std::chrono::steady_clock::now() - asked, 10s);
}

}  // namespace
}  // namespace millrace
