// A broker that hangs, and one that is cut off: a run waits for it without growing, says that it is not
// ready, and trains on with every row.
//
// TEST_SILENCE_S says how long the long tests leave the broker silent.
#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>

#include "integration/kafka_test.h"
#include "integration/live_train.h"
#include "support/numbered_load.h"
#include "support/tcp_proxy.h"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;
using std::chrono::steady_clock;
using support::KafkaBroker;
using support::NumberedLoad;
using support::TcpProxy;

constexpr int kPartitions = 2;
constexpr double kRowsPerSecond = 4000;
constexpr std::int64_t kWarmUpRows = 4000;

class Silence : public KafkaTest {
 protected:
  struct Way {
    std::string brokers;  // for the run
    std::function<void()> close;
    std::function<void()> open;
  };

  void train_through(KafkaBroker& broker, const Way& way, seconds silence) {
    broker.create_topic(topic_, kPartitions);
    NumberedLoad load(broker.brokers(), topic_, kPartitions, kRowsPerSecond);
    LiveTrain training(train_numbered(way.brokers, topic_, state()));
    ASSERT_TRUE(comes_true_within(kRunLimit, [&] { return training.rows() > kWarmUpRows; }));
    const std::int64_t memory = training.resident_kib();
    const std::int64_t descriptors = training.descriptors();

    way.close();
    const auto end = steady_clock::now() + silence;
    EXPECT_TRUE(comes_true_within(10s, [&] { return !training.ready(); })) << "it takes silence for life";
    std::int64_t most_memory = 0;
    std::int64_t most_descriptors = 0;
    do {
      ASSERT_TRUE(training.running()) << training.err();
      most_memory = std::max(most_memory, training.resident_kib());
      most_descriptors = std::max(most_descriptors, training.descriptors());
      std::this_thread::sleep_for(100ms);
    } while (steady_clock::now() < end);
    EXPECT_FALSE(training.ready());
    way.open();
    EXPECT_TRUE(comes_true_within(60s, [&] { return training.ready(); })) << training.err();

    const std::int64_t rows = load.finish();
    EXPECT_TRUE(comes_true_within(60s, [&] { return training.rows() >= rows; }))
        << training.rows() << " of " << rows << ": " << training.err();
    const std::int64_t descriptors_after = training.descriptors();
    // Besides the connections it keeps, one that it tries, and one that asks for its health.
    constexpr std::int64_t kPassing = 2;
    EXPECT_LE(most_descriptors, descriptors + kPassing);
    EXPECT_LE(descriptors_after, descriptors + kPassing);
    constexpr std::int64_t kSlackKib = 4096;
    EXPECT_LE(most_memory, memory + memory / 20 + kSlackKib);
    training.stop();
    expect_trained_once(state(), rows);
    RecordProperty("rows", std::to_string(rows));
    RecordProperty("resident_kib", std::to_string(memory) + ", at most " + std::to_string(most_memory));
    RecordProperty("descriptors", std::to_string(descriptors) + ", at most " +
                                      std::to_string(most_descriptors) + ", then " +
                                      std::to_string(descriptors_after));
  }

  void train_through_a_hang(seconds silence) {
    KafkaBroker broker(broker_.version());
    train_through(broker, {broker.brokers(), [&] { broker.pause(); }, [&] { broker.go_on(); }}, silence);
  }

  void train_through_a_cut(seconds silence) {
    TcpProxy proxy;
    KafkaBroker broker(broker_.version(), proxy.port());
    proxy.lead_to(broker.proxied_port());
    const std::string brokers = "127.0.0.1:" + std::to_string(proxy.port());
    train_through(broker, {brokers, [&] { proxy.cut(); }, [&] { proxy.mend(); }}, silence);
  }

  static seconds long_silence() { return seconds(count_from_environment("TEST_SILENCE_S", 60)); }
};
using SlowSilence = Silence;

TEST_F(Silence, OfABrokerThatHangsCostsNoRowAndNoMemory) { train_through_a_hang(7s); }
TEST_F(Silence, OfANetworkThatIsCutCostsNoRowAndNoMemory) { train_through_a_cut(7s); }
TEST_F(SlowSilence, OfABrokerThatHangsCostsNoRowAndNoMemory) { train_through_a_hang(long_silence()); }
TEST_F(SlowSilence, OfANetworkThatIsCutCostsNoRowAndNoMemory) { train_through_a_cut(long_silence()); }

}  // namespace
}  // namespace millrace
