// How a topic is read against a real broker: what the number of consumers must not change, and what a backlog
// may cost.
#include <chrono>
#include <fstream>
#include <gmock/gmock.h>
#include <string>
#include <vector>

#include "integration/kafka_test.h"
#include "integration/live_train.h"

namespace millrace {
namespace {

using namespace std::chrono_literals;

// The most that the process ever held.
std::int64_t peak_kib(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string word; status >> word;) {
    std::int64_t kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib;
  }
  throw std::runtime_error("the process tells no peak");
}

class Ingest : public KafkaTest {
 protected:
  // Records without keys: each goes to a partition of its own, so that all have their share.
  void fill(int partitions, const std::string& repeats) {
    succeed(produce(topic_, {"--partitions", std::to_string(partitions), "--label-as", "column", "--repeat",
                             repeats, "-X", "compression.type=lz4", "-X", "linger.ms=20", "-X",
                             "sticky.partitioning.linger.ms=0"}));
  }
  [[nodiscard]] Words train_labelled(const std::string& state, const Words& more) const {
    return joined(
        {"train", "--brokers", broker_.brokers(), "--topic", topic_, "--features", "9", "--label", "value:10",
         "--state", folder_ / state, "--group", group_ + state, "--layers", "64", "--quiet"},
        more);
  }
};

TEST_F(Ingest, TheNumberOfConsumersChangesNoBit) {
  fill(5, "20");
  std::vector<std::string> weights;
  for (const char* const consumers : {"1", "2", "3"}) {
    succeed(train_labelled(consumers, {"--consumers", consumers, "--stop", "end", "--window-rows", "1000",
                                       "--standardize", "--epochs", "1"}));
    const std::string state = succeed({"inspect", folder_ / consumers, "--json"}).out;
    EXPECT_EQ(json_count(state, "/rows"), 20 * kRowsInFile);
    weights.push_back(json_text(state, "/weights_digest"));
  }
  EXPECT_THAT(weights, testing::Each(weights.front()));
}

TEST_F(Ingest, AMillionRecordsThatWaitTakeNoMoreMemoryThanTheBudget) {
  constexpr std::int64_t kBudgetMib = 64;
  constexpr std::int64_t kBesidesMib = 150;
  fill(4, "1431");
  LiveTrain training(
      train_labelled("slow", {"--consumers", "2", "--memory-bytes", std::to_string(kBudgetMib) + "MiB",
                              "--engine-threads", "1", "--epochs", "1000"}));
  // By then what may be fetched ahead was fetched many times over.
  EXPECT_TRUE(comes_true_within(60s, [&] { return training.rows() >= 5 * 4096; }));
  EXPECT_LT(training.rows(), 900'000) << "the trainer was to be slow";
  EXPECT_LE(peak_kib(training.pid()), (kBudgetMib + kBesidesMib) * 1024);
  RecordProperty("peak_kib", std::to_string(peak_kib(training.pid())));
  training.stop();
}

}  // namespace
}  // namespace millrace
