// What JSON costs with simdjson alone, on demand: each member asked for by name in the order in which they
// stand, its number taken as it is.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "millrace/record.h"

namespace millrace {

class JsonBound {
 public:
  // Copies the values to where simdjson may read beyond their ends, which `read` then need not do.
  JsonBound(std::span<const RecordView> records, std::vector<std::string> names);
  JsonBound(const JsonBound&) = delete;
  JsonBound& operator=(const JsonBound&) = delete;
  ~JsonBound();

  // [records, names]. Throws std::runtime_error where a value is not as it should be.
  void read(float* values);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace millrace
