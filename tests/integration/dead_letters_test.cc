// Poison in a topic: every good row is trained, every bad record is counted and lies in the dead-letter topic
// as it came. Suites that begin with Slow run only where they are asked for (tools/test slow).
#include <algorithm>
#include <array>
#include <csignal>
#include <gmock/gmock.h>
#include <map>
#include <random>
#include <thread>

#include "integration/kafka_test.h"
#include "support/record_reader.h"

namespace millrace {
namespace {

using std::chrono::seconds;
using support::Process;
using support::ProcessResult;
using support::RawRecord;
using support::ReadRecord;
using testing::HasSubstr;

constexpr std::int32_t kPartitions = 4;
constexpr std::int32_t kLetterPartitions = 2;
constexpr std::int64_t kEpochMs = 1'700'000'000'000;
constexpr const char* kSecret = "hunter2";

struct Poison {
  const char* reason;
  RawRecord record;
};
// One of every reason that bad records are counted under; --max-record-bytes is 100 here.
const std::array kPoison = {
    Poison{"tombstone", {"0", std::nullopt}},
    Poison{"column_count", {"0", "5,1,1"}},
    Poison{"not_a_number", {"1", "5,1,1,big,2,1,3,1,1"}},
    Poison{"not_finite", {"0", "5,1,1,1e400,2,1,3,1,1"}},
    Poison{"label_missing", {std::nullopt, "5,1,1,1,2,1,3,1,1"}},
    Poison{"label_invalid", {"7", "5,1,1,1,2,1,3,1,1"}},
    Poison{"malformed", {"", "5,1,1,\xC3\x28,2,1,3,1,1"}},
    Poison{"too_large", {"0", "5,1,1,1,2,1,3,1," + std::string(100, '1')}},
};

using Place = std::pair<std::int32_t, std::int64_t>;  // partition, offset

class DeadLetterTopic : public KafkaTest {
 protected:
  // Fills the topic; one record in a hundred is bad, of each kind in turn.
  void fill(std::int64_t records) {
    broker_.create_topic(topic_, kPartitions);
    broker_.create_topic(dead_, kLetterPartitions);
    support::RecordProducer producer(broker_.brokers());
    std::mt19937_64 random(1);
    constexpr std::int64_t kAtOnce = 5000;  // and in one partition
    for (std::int64_t first = 0; first < records; first += kAtOnce) {
      const auto partition = static_cast<std::int32_t>(first / kAtOnce % kPartitions);
      std::vector<RawRecord> chunk;
      for (std::int64_t i = first; i < std::min(first + kAtOnce, records); ++i) {
        const Place place{partition, next_[static_cast<std::size_t>(partition)]++};
        chunk.push_back(i % 100 == 37 ? poison(place) : row(random));
        chunk.back().timestamp_ms = kEpochMs + i;
        if (i % 100 == 37) bad_.insert_or_assign(place, chunk.back());
      }
      producer.send(topic_, partition, chunk);
    }
    good_ = records - static_cast<std::int64_t>(bad_.size());
    std::erase_if(bad_, [](const auto& bad) { return !bad.second.value; });  // tombstones are no letters
  }

  [[nodiscard]] Words poisoned(Words more = {}) const {
    return joined({"--errors-tolerance", "all", "--dead-letter-topic", dead_, "--max-record-bytes", "100",
                   "--layers", "8", "--epochs", "1", "--batch", "256", "--window-rows", "1000", "-X",
                   std::string("sasl.password=") + kSecret},
                  more);
  }

  void expect_counts(const std::string& json) {
    EXPECT_EQ(json_count(json, "/rows"), good_);
    EXPECT_EQ(json_count(json, "/dead_letters"), static_cast<std::int64_t>(bad_.size()));
    for (const auto& [reason, count] : counts_)
      EXPECT_EQ(json_count(json, "/bad_records_by_reason/" + reason), count) << reason;
    for (std::size_t partition = 0; partition < next_.size(); ++partition) {
      EXPECT_EQ(json_count(json, "/positions/" + topic_ + "/" + std::to_string(partition)), next_[partition]);
    }
  }

  // Every letter is its record; returns how many there are of each.
  std::map<Place, int> expect_letters_as_they_came() {
    std::map<Place, int> copies;
    for (const ReadRecord& letter : support::read_topic(broker_.brokers(), dead_, kLetterPartitions)) {
      EXPECT_EQ(letter.header("__connect.errors.topic"), topic_);
      const Place place{std::stoi(letter.header("__connect.errors.partition")),
                        std::stoll(letter.header("__connect.errors.offset"))};
      ++copies[place];
      const auto original = bad_.find(place);
      if (original == bad_.end()) {
        ADD_FAILURE() << "a letter of a good record: partition " << place.first << " offset " << place.second;
        continue;
      }
      EXPECT_EQ(letter.key, original->second.key);
      EXPECT_EQ(letter.value, original->second.value);
      EXPECT_EQ(letter.timestamp_ms, original->second.timestamp_ms);
      EXPECT_EQ(letter.header("__connect.errors.exception.class.name"), original->second.headers[1].second);
      EXPECT_EQ(letter.header("__connect.errors.connector.name"), group_);
      EXPECT_THAT(letter.header("__connect.errors.exception.message"), testing::StartsWith("The record "));
      const auto& headers = original->second.headers;
      EXPECT_TRUE(std::equal(headers.begin(), headers.end(), letter.headers.begin()));
      EXPECT_EQ(letter.headers.size(), headers.size() + 9);
      for (const auto& [name, value] : letter.headers)
        EXPECT_THAT(value.value_or(""), testing::Not(HasSubstr(kSecret))) << name;
    }
    EXPECT_EQ(copies.size(), bad_.size());
    return copies;
  }

  void expect_exact(std::int64_t records, std::chrono::seconds limit) {
    fill(records);
    const ProcessResult trained = support::run_process(millrace_command(train(topic_, poisoned())), limit);
    ASSERT_EQ(trained.exit_code, 0) << trained.describe();
    expect_counts(trained.out);
    for (const auto& [place, count] : expect_letters_as_they_came()) {
      EXPECT_EQ(count, 1) << "partition " << place.first << " offset " << place.second;
    }
  }

  const std::string dead_ = topic_ + "-dead";
  std::map<Place, RawRecord> bad_;  // but tombstones; the second header is the reason
  std::map<std::string, std::int64_t> counts_;
  std::array<std::int64_t, kPartitions> next_{};
  std::int64_t good_ = 0;

 private:
  RawRecord poison(const Place& place) {
    const Poison& kind = kPoison[poisoned_++ % kPoison.size()];
    ++counts_[kind.reason];
    RawRecord record = kind.record;
    record.headers = {{"trace", std::to_string(place.second)}, {"kind", kind.reason}, {"null", std::nullopt}};
    return record;
  }

  static RawRecord row(std::mt19937_64& random) {
    const bool positive = random() % 2 == 0;
    std::string value;
    for (int feature = 0; feature < 9; ++feature) {
      if (feature > 0) value += ',';
      value += std::to_string(random() % 6 + (positive ? 5 : 1));
    }
    return {positive ? "1" : "0", value, {}, 0};
  }

  std::size_t poisoned_ = 0;
};

class SlowDeadLetterTopic : public DeadLetterTopic {};

TEST_F(DeadLetterTopic, HoldsEveryBadRecordOfTwentyThousandAsItCame) { expect_exact(20'000, kRunLimit); }

TEST_F(SlowDeadLetterTopic, HoldsEveryBadRecordOfAMillionAsItCame) { expect_exact(1'000'000, seconds(300)); }

TEST_F(DeadLetterTopic, NamesTheRowThatMadeAPackedRecordBad) {
  broker_.create_topic(topic_, 1);
  broker_.create_topic(dead_, 1);
  // Three rows of one feature, all 0; the last label is 2.
  std::string bad("mrpk\1\0\1\0\1\0\0\0\3\0\0\0", 16);
  bad.append(std::string(3 * 4 + 2 * 4, '\0')).append("\0\0\0\x40", 4);
  support::RecordProducer(broker_.brokers()).send(topic_, 0, {{std::nullopt, bad}});
  succeed({"train",      "--brokers", broker_.brokers(),    "--topic", topic_,
           "--features", "1",         "--layers",           "4",       "--format",
           "packed",     "--label",   "value:risk",         "--state", state(),
           "--stop",     "end",       "--errors-tolerance", "all",     "--dead-letter-topic",
           dead_,        "--quiet"});
  const auto letters = support::read_topic(broker_.brokers(), dead_, 1);
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].value, bad);
  EXPECT_THAT(letters[0].header("__connect.errors.exception.message"), HasSubstr("(row 2, field risk)"));
}

TEST_F(DeadLetterTopic, HasEveryBadRecordAfterAKillAndARestart) {
  fill(20'000);
  Process first(millrace_command(train_for_ever(topic_, poisoned({"--checkpoint-ms", "50"}))));
  const auto deadline = std::chrono::steady_clock::now() + kRunLimit;
  while (run_millrace(inspect()).exit_code != 0 || json_count(run_millrace(inspect()).out, "/rows") == 0) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << first.wait(seconds(0)).describe();
    std::this_thread::yield();
  }
  first.send(SIGKILL);
  first.wait(kRunLimit);
  const ProcessResult second = succeed(train(topic_, poisoned()));
  EXPECT_EQ(json_count(second.out, "/lifetime/rows"), good_);
  expect_letters_as_they_came();  // some perhaps twice
}

TEST_F(DeadLetterTopic, ThatIsMissingIsNamedAndNotMade) {
  broker_.create_topic(topic_, 1);
  for (int run = 0; run < 2; ++run) {
    const ProcessResult result = run_millrace(train(topic_, poisoned()));
    EXPECT_EQ(result.exit_code, 3) << result.describe();
    EXPECT_THAT(result.err, testing::AllOf(HasSubstr(dead_), HasSubstr("--dead-letter-topic")));
    EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.describe();
  }
}

TEST_F(DeadLetterTopic, DoesNotKeepTooManyBadRecordsFromEndingTheRun) {
  broker_.create_topic(topic_, 1);
  broker_.create_topic(dead_, kLetterPartitions);
  support::RecordProducer producer(broker_.brokers());
  producer.send(topic_, 0, std::vector<RawRecord>(2000, RawRecord{"1", "8,10,10,8,7,10,9,7,1"}));
  producer.send(topic_, 0, std::vector<RawRecord>(2000, RawRecord{"1", "8"}));
  const ProcessResult stopped = run_millrace(train(topic_, poisoned({"--max-bad-share", "0.25"})));
  EXPECT_EQ(stopped.exit_code, 5) << stopped.describe();
  EXPECT_THAT(stopped.err, HasSubstr("--max-bad-share 0.25"));
  EXPECT_EQ(json_count(succeed(inspect()).out, "/rows"), 2000);
  const ProcessResult tolerant = succeed(train(topic_, poisoned({"--max-bad-share", "1"})));
  EXPECT_EQ(json_count(tolerant.out, "/lifetime/rows"), 2000);
  EXPECT_EQ(json_count(tolerant.out, "/lifetime/bad_records"), 2000);
}

}  // namespace
}  // namespace millrace
