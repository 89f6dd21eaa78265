#include "predict/prediction_text.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

namespace millrace {
namespace {

// A field's name in CSV that anything may read: in quotes where it holds what would end it.
std::string csv_text(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char letter : text) {
    if (letter == '"') quoted += '"';
    quoted += letter;
  }
  return quoted + '"';
}

std::string json_text(const std::string& text) {
  using Json = nlohmann::json;
  return text.empty() ? std::string("null") : Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

void append_prediction(fmt::memory_buffer& text, PredictionFormat format, float probability,
                       std::string_view model_version) {
  const int predicted = probability >= 0.5F ? 1 : 0;
  const auto out = std::back_inserter(text);
  if (format == PredictionFormat::json) {
    fmt::format_to(out, R"({{"probability":{},"class":{},"model":"{}"}})", probability, predicted,
                   model_version);
  } else {
    fmt::format_to(out, "{},{},{}", probability, predicted, model_version);
  }
}

void append_bad_row(fmt::memory_buffer& text, PredictionFormat format, BadRecordReason reason,
                    const std::string& field) {
  const auto out = std::back_inserter(text);
  if (format == PredictionFormat::json) {
    fmt::format_to(out, R"({{"bad":"{}","field":{}}})", name_of(reason), json_text(field));
  } else {
    fmt::format_to(out, "bad,{},{}", name_of(reason), csv_text(field));
  }
}

}  // namespace millrace
