// Rows that look like those of a topic, the same every time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/engine.h"
#include "millrace/record.h"
#include "millrace/window.h"

#include "decode/decoder_settings.h"

namespace millrace {

enum class SampleValues {
  small_integers,  // from 1 to 10, as in the breast-cancer rows
  random_floats,   // with as many digits as tell a float32 from its neighbours
};

// "feature_1" and so on.
[[nodiscard]] std::vector<std::string> sample_names(std::uint32_t features);

// Where Avro's samples find their schema.
[[nodiscard]] AvroSchemas sample_schemas(std::uint32_t features);

// Records as a consumer would hand them out: values of a format, with members or fields named as by
// sample_names where they have names, and the label as the key; packed ones have it in the value. The same
// rows in every format.
class SampleRecords {
 public:
  static constexpr std::uint32_t kPackedRows = 512;  // 20 KB of nine features

  SampleRecords(std::size_t rows, std::uint32_t features, SampleValues values,
                RecordFormat format = RecordFormat::csv);
  SampleRecords(const SampleRecords&) = delete;
  SampleRecords& operator=(const SampleRecords&) = delete;

  [[nodiscard]] const std::vector<RecordView>& records() const { return records_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }  // of all values

 private:
  void add(std::string value, std::string_view key);  // a key that lives on

  std::deque<std::string> values_;  // that do not move
  std::vector<RecordView> records_;
  std::size_t bytes_ = 0;
};

// A window of rows in order, in memory that the engine can stage from. The engine outlives it.
class SampleWindow {
 public:
  SampleWindow(Engine& engine, std::uint32_t rows, std::uint32_t features);

  [[nodiscard]] const WindowView& view() const { return view_; }

 private:
  HostBuffer memory_;
  WindowView view_;
};

}  // namespace millrace
