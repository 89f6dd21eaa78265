// Reads any JSON record, with simdjson, on demand, and says what is wrong with a bad one.
//
// Each thread has one of its own and reads one record after the other; it grows to the largest.
#pragma once

#include <memory>
#include <string_view>

#include "decode/json_row.h"

namespace millrace {

class JsonReader {
 public:
  JsonReader();
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;
  ~JsonReader();

  [[nodiscard]] DecodeOutcome read(std::string_view value, JsonRow& row);

 private:
  struct Parts;  // what simdjson is depends on how it is compiled: none of it may stand here
  std::unique_ptr<Parts> parts_;
};

}  // namespace millrace
