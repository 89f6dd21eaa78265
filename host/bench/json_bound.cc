#include "bench/json_bound.h"

#include <simdjson.h>
#include <stdexcept>
#include <utility>

namespace millrace {

struct JsonBound::Parts {
  std::vector<std::string> names;
  std::vector<simdjson::padded_string> values;
  simdjson::ondemand::parser parser;
};

JsonBound::JsonBound(std::span<const RecordView> records, std::vector<std::string> names)
    : parts_(std::make_unique<Parts>()) {
  parts_->names = std::move(names);
  for (const RecordView& record : records) parts_->values.emplace_back(record.value);
}

JsonBound::~JsonBound() = default;

void JsonBound::read(float* values) {
  for (const simdjson::padded_string& value : parts_->values) {
    simdjson::ondemand::document document;
    bool good = parts_->parser.iterate(value).get(document) == simdjson::SUCCESS;
    for (const std::string& name : parts_->names) {
      double number = 0;
      good = good && document.find_field(name).get_double().get(number) == simdjson::SUCCESS;
      *values++ = static_cast<float>(number);
    }
    if (!good) throw std::runtime_error("a sample value is not the JSON that it should be");
  }
}

}  // namespace millrace
