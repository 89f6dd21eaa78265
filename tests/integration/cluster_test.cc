// A cluster of three brokers that lose their power and are restarted, one after the other, while a producer
// writes and a run trains: every row that was acknowledged is trained once, and training goes on within a
// minute.
//
// TEST_BROKER_FAULTS says how many of each the long test does.
#include <algorithm>
#include <chrono>

#include "integration/kafka_test.h"
#include "integration/live_train.h"
#include "support/kafka_cluster.h"
#include "support/numbered_load.h"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using support::KafkaCluster;
using support::KafkaNode;
using support::NumberedLoad;

constexpr int kPartitions = 3;
constexpr double kRowsPerSecond = 2000;

class Cluster : public KafkaTest {
 protected:
  // Each fault befalls another broker than the one before it, and ends before the next one comes.
  void train_through(std::int64_t kills, std::int64_t restarts) {
    KafkaCluster cluster(broker_.version());
    cluster.create_topic(topic_, kPartitions);
    NumberedLoad load(cluster.brokers(), topic_, kPartitions, kRowsPerSecond);
    LiveTrain training(train_numbered(cluster.brokers(), topic_, state()));
    milliseconds longest{0};
    for (std::int64_t fault = 0; fault < kills + restarts; ++fault) {
      const bool is_kill = fault < kills;
      // A broker that leads nothing would not be missed.
      const int victim = std::max(0, cluster.leader_of(topic_, static_cast<int>(fault % kPartitions)));
      KafkaNode& node = cluster.node(victim);
      const auto begun = steady_clock::now();
      if (is_kill) {
        node.kill();
      } else {
        node.stop();
      }
      const std::int64_t written = load.written();
      ASSERT_TRUE(comes_true_within(
          60s, [&] { return training.rows() > written + static_cast<std::int64_t>(kRowsPerSecond); }))
          << "fault " << fault << ", broker " << victim << ": " << training.err();
      longest = std::max(longest, std::chrono::duration_cast<milliseconds>(steady_clock::now() - begun));
      ASSERT_TRUE(training.running()) << training.err();
      node.start();
      ASSERT_TRUE(comes_true_within(120s, [&] { return cluster.is_whole(topic_, kPartitions); }));
    }
    const std::int64_t rows = load.finish();
    ASSERT_TRUE(comes_true_within(kRunLimit, [&] { return training.rows() >= rows; }))
        << training.rows() << " of " << rows;
    training.stop();
    expect_trained_once(state(), rows);
    RecordProperty("rows", std::to_string(rows));
    RecordProperty("longest_ms_until_training_went_on", std::to_string(longest.count()));
  }
};
using SlowCluster = Cluster;

TEST_F(Cluster, ABrokerThatDiesAndOneThatIsRestartedCostNoRowAndRepeatNone) { train_through(1, 1); }

TEST_F(SlowCluster, BrokersThatDieAndAreRestartedAgainAndAgainCostNoRowAndRepeatNone) {
  const std::int64_t each = count_from_environment("TEST_BROKER_FAULTS", 20);
  train_through(each, each);
}

}  // namespace
}  // namespace millrace
