#include "decode/json_decoder.h"

#include <string_view>

#include "millrace/errors.h"

#include "decode/field_outcome.h"
#include "decode/json_reader.h"
#include "decode/plain_json.h"

namespace millrace {
namespace {

// What a thread keeps from record to record.
struct Scratch {
  JsonReader reader;
  MetValues met;
  std::uint64_t records = 0;
  unsigned not_plain = 0;  // records in a row
};

// Without the prefix of Confluent's wire format, which its serializers write before JSON as well: no JSON
// begins with a zero byte.
std::string_view without_prefix(std::string_view value) {
  constexpr std::size_t kPrefixBytes = 5;
  const bool has_one = value.size() >= kPrefixBytes && value.front() == '\0';
  return has_one ? value.substr(kPrefixBytes) : value;
}

// Where records need the other reader, they mostly all do: then only some are tried.
bool may_be_plain(const Scratch& scratch) { return scratch.not_plain < 4 || scratch.records % 16 == 0; }

DecodeOutcome read_record(std::string_view value, const FieldTree& fields, const JsonRow::Rules& rules,
                          Scratch& scratch, float* values, float& label) {
  ++scratch.records;
  if (may_be_plain(scratch)) {
    JsonRow row(fields, rules, scratch.met, values, label);
    if (read_plain_json(value, row)) {
      scratch.not_plain = 0;
      return kGood;
    }
    ++scratch.not_plain;
  }
  JsonRow row(fields, rules, scratch.met, values, label);
  return scratch.reader.read(value, row);
}

}  // namespace

JsonDecoder::JsonDecoder(const DecoderSettings& settings)
    : features_(settings.features),
      label_from_(settings.label.from),
      max_record_bytes_(settings.max_record_bytes),
      rules_{
          .label_field = label_from_ == LabelRule::From::column ? static_cast<std::int32_t>(features_) : -1,
          .absent_is_missing = settings.absent_is_missing},
      fields_(settings) {
  if (!settings.columns.empty()) {
    throw OptionError(OptionError::Kind::conflict, "--columns", settings.columns.front(),
                      "JSON names its fields itself; name those that are features by --features");
  }
  if (!settings.feature_names.empty() && settings.feature_names.size() != features_) {
    throw OptionError(OptionError::Kind::conflict, "--features", std::to_string(features_),
                      "there are " + std::to_string(settings.feature_names.size()) + " names");
  }
}

std::string JsonDecoder::field_name(std::int32_t field) const {
  return field < 0 ? std::string{} : fields_.path_of(field);
}

void JsonDecoder::decode(std::span<const RecordView> records, std::uint32_t /*first_row*/, float* values,
                         float* labels, std::span<DecodeOutcome> outcomes) const {
  thread_local Scratch scratch;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const RecordView& record = records[i];
    DecodeOutcome& outcome = outcomes[i];
    if (!record.has_value) {
      outcome = bad(BadRecordReason::tombstone);
    } else if (record.value.size() > max_record_bytes_) {
      outcome = bad(BadRecordReason::too_large);
    } else {
      outcome = read_record(without_prefix(record.value), fields_, rules_, scratch, values + i * features_,
                            labels[i]);
      if (outcome.good) outcome = decode_label_beside(record, label_from_, labels[i]);
    }
  }
}

}  // namespace millrace
