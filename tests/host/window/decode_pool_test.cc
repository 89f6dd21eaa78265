#include "window/decode_pool.h"

#include <cstdint>
#include <gtest/gtest.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "millrace/decoder.h"

namespace millrace {
namespace {

// The label is the offset; a value of "throw" throws.
class OffsetDecoder final : public Decoder {
 public:
  [[nodiscard]] std::uint32_t features() const override { return 1; }
  void decode(std::span<const RecordView> records, std::uint32_t /*first_row*/, float* values, float* labels,
              std::span<DecodeOutcome> outcomes) const override {
    for (std::size_t i = 0; i < records.size(); ++i) {
      if (records[i].value == "throw") throw std::runtime_error(std::to_string(records[i].offset));
      values[i] = labels[i] = static_cast<float>(records[i].offset);
      outcomes[i].good = true;
    }
  }
  [[nodiscard]] std::string field_name(std::int32_t /*field*/) const override { return {}; }
};

// As if its records could hold many rows; remembers who decoded.
class ManyRowsDecoder final : public Decoder {
 public:
  [[nodiscard]] std::uint32_t features() const override { return 1; }
  [[nodiscard]] bool holds_many_rows() const override { return true; }
  void decode(std::span<const RecordView> /*records*/, std::uint32_t /*first_row*/, float* /*values*/,
              float* /*labels*/, std::span<DecodeOutcome> /*outcomes*/) const override {
    decoded_by_ = std::this_thread::get_id();
  }
  [[nodiscard]] std::string field_name(std::int32_t /*field*/) const override { return {}; }
  [[nodiscard]] std::thread::id decoded_by() const { return decoded_by_; }

 private:
  mutable std::thread::id decoded_by_;
};

constexpr std::size_t kRecordsWorthHandingOver = 64;
const std::string kValue(DecodePool::kWorthHandingOver / kRecordsWorthHandingOver, 'v');

// A job with room of its own.
struct Batch {
  std::vector<RecordView> records;
  std::vector<float> values;
  std::vector<float> labels;
  std::vector<DecodeOutcome> outcomes;
  DecodeJob job;

  Batch(std::int64_t first_offset, std::size_t count)
      : records(count), values(count), labels(count), outcomes(count) {
    for (RecordView& record : records) {
      record.offset = first_offset++;
      record.value = kValue;
    }
    job = {.records = records, .values = values.data(), .labels = labels.data(), .outcomes = outcomes};
  }
};

TEST(DecodePool, DecodesEveryRowOfEveryJob) {
  const OffsetDecoder decoder;
  for (const unsigned threads : {1U, 2U, 5U}) {
    DecodePool pool(decoder, threads);
    std::vector<Batch> batches;
    batches.reserve(200);
    for (std::size_t i = 0; i < 200; ++i) {
      batches.emplace_back(static_cast<std::int64_t>(i) * 1000, 1 + i);  // below and above worth handing over
      pool.start_async(batches.back().job);
    }
    for (Batch& batch : batches) {
      pool.wait(batch.job);
      for (std::size_t i = 0; i < batch.records.size(); ++i) {
        ASSERT_EQ(batch.labels[i], static_cast<float>(batch.records[i].offset));
        ASSERT_TRUE(batch.outcomes[i].good);
      }
    }
  }
}

TEST(DecodePool, PassesAnExceptionOnWithItsJobAndGoesOn) {
  const OffsetDecoder decoder;
  DecodePool pool(decoder, 2);
  for (const std::size_t size : {std::size_t{8}, 4 * kRecordsWorthHandingOver}) {
    Batch failing(7, size);
    Batch good(100, size);
    failing.records[1].value = "throw";
    pool.start_async(failing.job);
    pool.start_async(good.job);
    pool.wait(failing.job);
    pool.wait(good.job);
    EXPECT_TRUE(failing.job.error != nullptr);
    EXPECT_THROW(std::rethrow_exception(failing.job.error), std::runtime_error);
    EXPECT_TRUE(good.job.error == nullptr);
  }
}

TEST(DecodePool, LeavesRecordsOfManyRowsToTheThreadThatCountedThem) {
  const ManyRowsDecoder decoder;
  DecodePool pool(decoder, 2);
  Batch batch(0, 4 * kRecordsWorthHandingOver);
  pool.start_async(batch.job);
  pool.wait(batch.job);
  EXPECT_EQ(decoder.decoded_by(), std::this_thread::get_id());
}

}  // namespace
}  // namespace millrace
