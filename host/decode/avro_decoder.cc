#include "decode/avro_decoder.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "millrace/errors.h"

#include "decode/field_outcome.h"

namespace millrace {
namespace {

using Kind = OptionError::Kind;

constexpr std::size_t kPrefixBytes = 5;  // of Confluent's wire format
// Then ids that are none are not remembered any more: whoever writes such records may write any number of
// them.
constexpr std::size_t kManyIds = 1000;

std::unique_ptr<const AvroPlan> plan_of(const AvroSchemaText& schema, const DecoderSettings& settings) {
  return std::make_unique<const AvroPlan>(AvroSchema(schema.text, schema.references), settings);
}

std::uint32_t id_of(std::string_view prefix) {
  std::uint32_t id = 0;
  for (std::size_t i = 1; i < kPrefixBytes; ++i) id = id << 8 | static_cast<unsigned char>(prefix[i]);
  return id;
}

}  // namespace

// What is known of an id. Without a plan its records are malformed.
struct AvroDecoder::Known {
  std::uint32_t id = 0;
  std::unique_ptr<const AvroPlan> plan;
};

AvroDecoder::AvroDecoder(const DecoderSettings& settings) : settings_(settings) {
  if (settings.features == 0)
    throw OptionError(Kind::invalid, "--features", "0", "a row has at least one feature");
  if (!settings.columns.empty()) {
    throw OptionError(Kind::conflict, "--columns", settings.columns.front(),
                      "Avro names its fields itself; name those that are features by --features");
  }
  if (!settings.feature_names.empty()) static_cast<void>(FieldTree(settings));  // for what it refuses
  if (!settings.schemas.text.empty()) {
    try {
      only_plan_ = plan_of({.text = settings.schemas.text}, settings_);
    } catch (const AvroSchemaError& error) {
      throw OptionError(Kind::invalid, "--avro-schema", "", error.what());
    }
  } else if (!settings.schemas.fetch) {
    throw OptionError(
        Kind::missing, "--schema-registry", "",
        "records in Avro name their schemas by id; say where a Schema Registry is, or give the one "
        "schema of records that name none by --avro-schema FILE");
  }
}

AvroDecoder::~AvroDecoder() = default;

std::string AvroDecoder::field_name(std::int32_t field) const {
  if (field < 0) return {};
  const auto place = static_cast<std::size_t>(field);
  if (place == settings_.features) return settings_.label.name;
  return settings_.feature_names.empty() ? std::to_string(place + 1) : settings_.feature_names.at(place);
}

void AvroDecoder::decode(std::span<const RecordView> records, std::uint32_t /*first_row*/, float* values,
                         float* labels, std::span<DecodeOutcome> outcomes) const {
  for (std::size_t i = 0; i < records.size(); ++i) {
    const RecordView& record = records[i];
    DecodeOutcome& outcome = outcomes[i];
    if (!record.has_value) {
      outcome = bad(BadRecordReason::tombstone);
    } else if (record.value.size() > settings_.max_record_bytes) {
      outcome = bad(BadRecordReason::too_large);
    } else {
      outcome = decode_value(record.value, values + i * settings_.features, labels[i]);
      if (outcome.good) outcome = decode_label_beside(record, settings_.label.from, labels[i]);
    }
  }
}

DecodeOutcome AvroDecoder::decode_value(std::string_view value, float* row, float& label) const {
  if (only_plan_) return only_plan_->read(value, row, label);
  if (value.size() < kPrefixBytes || value.front() != '\0') return bad(BadRecordReason::malformed);
  const AvroPlan* const plan = plan_for(id_of(value));
  if (plan == nullptr) return bad(BadRecordReason::malformed);
  return plan->read(value.substr(kPrefixBytes), row, label);
}

const AvroPlan* AvroDecoder::plan_for(std::uint32_t id) const {
  const Known* known = find(id);
  if (known == nullptr) known = learn(id);
  return known->plan.get();
}

const AvroDecoder::Known* AvroDecoder::find(std::uint32_t id) const {
  const Table* const table = table_.load(std::memory_order_acquire);
  if (table == nullptr) return nullptr;
  const auto found = std::ranges::lower_bound(*table, id, {}, &Known::id);
  return found != table->end() && (*found)->id == id ? *found : nullptr;
}

const AvroDecoder::Known* AvroDecoder::learn(std::uint32_t id) const {
  const std::lock_guard lock(learning_);
  if (const Known* const known = find(id); known != nullptr) return known;
  auto made = std::make_unique<Known>();
  made->id = id;
  if (const std::optional<AvroSchemaText> schema = settings_.schemas.fetch(id)) {
    try {
      made->plan = plan_of(*schema, settings_);
    } catch (const AvroSchemaError&) {  // its records are malformed
    } catch (const OptionError&) {      // names that only the schema gave do not go with the label
    }
  }
  auto table = std::make_unique<Table>();
  if (const Table* const now = table_.load(std::memory_order_relaxed); now != nullptr) *table = *now;
  if (!made->plan && table->size() >= kManyIds) {
    static const Known kNoSchema;
    return &kNoSchema;
  }
  table->insert(std::ranges::lower_bound(*table, id, {}, &Known::id), made.get());
  table_.store(table.get(), std::memory_order_release);
  tables_.push_back(std::move(table));
  known_.push_back(std::move(made));
  return known_.back().get();
}

}  // namespace millrace
