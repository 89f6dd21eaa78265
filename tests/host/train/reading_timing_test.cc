// Windows over what is already in the log are the same whoever is late: the source, the decoders, the
// trainer, or one of the instances that share the partitions. Compared by ranges and digests with a run that
// nobody delayed.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "decode/csv_decoder.h"
#include "host/window/taken_window.h"
#include "kafka/embedded_broker.h"
#include "kafka/fingerprint.h"
#include "kafka/producer.h"
#include "support/memory_source.h"
#include "train/reading.h"
#include "window/assembler.h"
#include "window/rows_digest.h"

namespace millrace {
namespace {

using std::chrono::microseconds;

constexpr std::uint64_t kNobody = 0;
constexpr std::uint32_t kWindowRows = 1500;
const std::vector<int> kRecords{4000, 1, 2500, 0, 3300};  // of each partition

// Keeps those who pass here for up to a third of a millisecond, one time in four.
class Delays {
 public:
  explicit Delays(std::uint64_t seed) : seed_(seed) {}

  void pass() {
    if (seed_ == kNobody) return;
    std::mt19937_64 random(seed_ * 1'000'003 + passed_.fetch_add(1));
    random.discard(1);
    if (random() % 4 == 0) std::this_thread::sleep_for(microseconds(random() % 300));
  }

 private:
  const std::uint64_t seed_;
  std::atomic<std::uint64_t> passed_ = 0;
};

class LateSource final : public RecordSource {
 public:
  LateSource(RecordSource& source, std::uint64_t seed) : source_(source), delays_(seed), random_(seed) {
    if (seed != kNobody) most_ = 600;
  }
  [[nodiscard]] std::span<const TopicPartition> partitions() const override { return source_.partitions(); }
  PullOutcome pull(std::size_t index, std::size_t max_records, RecordBatch& batch) override {
    delays_.pass();
    return source_.pull(index, std::min<std::size_t>(max_records, 1 + random_() % most_), batch);
  }
  void wait(std::chrono::milliseconds at_most) override { source_.wait(at_most); }
  void wake() noexcept override { source_.wake(); }

 private:
  RecordSource& source_;
  Delays delays_;
  std::mt19937_64 random_;
  std::size_t most_ = static_cast<std::size_t>(-1);
};

class LateDecoder final : public Decoder {
 public:
  LateDecoder(const Decoder& decoder, std::uint64_t seed) : decoder_(decoder), delays_(seed) {}
  [[nodiscard]] std::uint32_t features() const override { return decoder_.features(); }
  void decode(std::span<const RecordView> records, std::uint32_t first_row, float* values, float* labels,
              std::span<DecodeOutcome> outcomes) const override {
    delays_.pass();
    decoder_.decode(records, first_row, values, labels, outcomes);
    delays_.pass();
  }
  [[nodiscard]] std::string field_name(std::int32_t field) const override {
    return decoder_.field_name(field);
  }

 private:
  const Decoder& decoder_;
  mutable Delays delays_;
};

// All that a journal keeps of one.
struct Window {
  std::vector<std::string> ranges;
  std::uint64_t digest = 0;
  std::uint64_t records = 0;
  bool operator==(const Window&) const = default;
};

Window window_of(const WindowSlot& slot) {
  Window window{.digest = rows_digest(slot.view())};
  for (const PartitionRange& range : slot.ranges) {
    const RecordFingerprint& last = range.last_record;
    window.ranges.push_back(fmt::format("{}: {}.{} to {}.{}, {} rows of {}, last {} {} {:x}", range.partition,
                                        range.begin.offset, range.begin.row, range.end.offset, range.end.row,
                                        range.rows, range.records, last.offset, last.timestamp_ms,
                                        last.hash));
    window.records += range.records;
  }
  return window;
}

std::vector<Window> windows_of(RecordSource& source, AssemblerSettings settings, std::uint64_t seed) {
  static const CsvDecoder rows({.features = 3});
  LateSource late(source, seed);
  const LateDecoder decoder(rows, seed + 1);
  Delays trainer(seed);
  settings.window_rows = kWindowRows;
  settings.window_limit = std::chrono::hours(1);
  settings.decode_threads = 1 + static_cast<unsigned>(seed % 3);
  settings.slots = 2 + seed % 3;
  std::vector<Window> windows;
  Assembler assembler(late, seed == kNobody ? static_cast<const Decoder&>(rows) : decoder, settings,
                      &allocate_plain);
  while (WindowSlot* const slot = assembler.take()) {
    trainer.pass();
    windows.push_back(window_of(*slot));
    assembler.give_back(slot);
  }
  return windows;
}

// Long enough that full batches are handed to the decoding threads, and some of it bad.
std::string value_of(std::size_t partition, int record) {
  if (record % 97 == 5) return "bad";
  return std::string(70, ' ') + std::to_string(partition) + "," + std::to_string(record) + "," +
         std::to_string(record % 7) + ".5";
}

void expect_all_rows(const std::vector<Window>& windows) {
  std::uint64_t records = 0;
  for (const Window& window : windows) records += window.records;
  EXPECT_EQ(records, 9801U);
  EXPECT_EQ(windows.size(), 7U);
}

std::vector<Window> windows_in_memory(std::uint64_t seed) {
  std::vector<TopicPartition> partitions;
  for (std::size_t i = 0; i < kRecords.size(); ++i)
    partitions.push_back({"rows", static_cast<std::int32_t>(i)});
  MemorySource source(partitions);
  AssemblerSettings settings{.stop = {.when = StopRule::When::end},
                             .starts = std::vector<Position>(kRecords.size()),
                             .fingerprint = &fingerprint_of};
  for (std::size_t partition = 0; partition < kRecords.size(); ++partition) {
    for (int record = 0; record < kRecords[partition]; ++record) {
      source.append(partition, {.key = record % 2 == 0 ? "0" : "1", .value = value_of(partition, record)});
    }
    settings.ends.push_back(source.end_offset(partition));
  }
  if (seed != kNobody) source.deliver_at_random(seed);
  return windows_of(source, settings, seed);
}

TEST(ReadingTiming, ChangesNoWindow) {
  const std::vector<Window> calm = windows_in_memory(kNobody);
  expect_all_rows(calm);
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    EXPECT_TRUE(windows_in_memory(seed) == calm) << "seed " << seed;
  }
}

TEST(ReadingTiming, ChangesNoWindowWhateverTheNumberOfConsumers) {
  const EmbeddedBroker broker({{"rows", static_cast<int>(kRecords.size())}});
  {
    TopicProducer producer({.brokers = broker.brokers()}, "rows", "murmur2_random");
    for (std::size_t partition = 0; partition < kRecords.size(); ++partition) {
      for (int record = 0; record < kRecords[partition]; ++record) {
        producer.send_to(static_cast<std::int32_t>(partition), record % 2 == 0 ? "0" : "1",
                         value_of(partition, record));
      }
    }
    producer.flush();
  }
  const auto windows_by = [&](unsigned consumers, std::uint64_t seed) {
    KafkaSource source({.client = {.brokers = broker.brokers()},
                        .topics = {"rows"},
                        .memory_bytes = std::size_t{2} << 20,
                        .consumers = consumers});
    source.start();
    return windows_of(source, reading_from(source, {.when = StopRule::When::end}), seed);
  };
  const std::vector<Window> calm = windows_by(1, kNobody);
  expect_all_rows(calm);
  for (unsigned consumers = 1; consumers <= 3; ++consumers) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      EXPECT_TRUE(windows_by(consumers, seed) == calm) << consumers << " consumers, seed " << seed;
    }
  }
}

}  // namespace
}  // namespace millrace
