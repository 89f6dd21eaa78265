// Nothing of ours is allocated per record, batch or window between the broker and full slots: librdkafka's
// own records, which it allocates with malloc, are not counted. A program of its own: counted_new.cc replaces
// operator new for all of it.
#include <chrono>
#include <cstdint>
#include <gtest/gtest.h>
#include <string>

#include "decode/csv_decoder.h"
#include "host/window/counted_new.h"
#include "host/window/taken_window.h"
#include "kafka/embedded_broker.h"
#include "kafka/producer.h"
#include "train/reading.h"
#include "window/assembler.h"

namespace millrace {
namespace {

constexpr int kPartitions = 3;
constexpr std::uint64_t kRecords = 120'000;

// From the middle of the reading until the assembler, which is ahead by its slots, may be telling the end.
std::uint64_t allocations_while_reading(const EmbeddedBroker& broker, std::uint32_t window_rows,
                                        unsigned consumers) {
  KafkaSource source({.client = {.brokers = broker.brokers()},
                      .topics = {"rows"},
                      .memory_bytes = std::size_t{2} << 20,
                      .consumers = consumers});
  source.start();
  AssemblerSettings settings = reading_from(source, {.when = StopRule::When::end});
  settings.window_rows = window_rows;
  settings.window_limit = std::chrono::hours(1);
  settings.decode_threads = 1;
  settings.slots = 3;
  const CsvDecoder decoder({.features = 9});
  Assembler assembler(source, decoder, settings, &allocate_plain);
  const std::uint64_t windows = kRecords / window_rows;
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  for (std::uint64_t window = 0; window < windows; ++window) {
    if (window == windows / 2) before = allocations();
    if (window == windows - 10) after = allocations();
    assembler.give_back(assembler.take());
  }
  return after - before;
}

TEST(ReadingAllocation, DoesNotHappenOnceRunning) {
  const EmbeddedBroker broker({{"rows", kPartitions}});
  {
    TopicProducer producer({.brokers = broker.brokers()}, "rows", "murmur2_random");
    for (std::uint64_t record = 0; record < kRecords; ++record) {
      producer.send_to(static_cast<std::int32_t>(record % kPartitions), record % 2 == 0 ? "0" : "1",
                       "1,10,3,4,5,6,7,8,9");
    }
    producer.flush();
  }
  EXPECT_EQ(allocations_while_reading(broker, 4000, 1), 0U);
  EXPECT_EQ(allocations_while_reading(broker, 4000, 2), 0U);
  EXPECT_EQ(allocations_while_reading(broker, 100, 2), 0U);
}

}  // namespace
}  // namespace millrace
