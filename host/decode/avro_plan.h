// How records of one Avro schema become rows: a list of steps, made once per schema, which reads what is
// wanted and passes over the rest.
//
// Constant after construction; any number of threads read with one plan at a time. Reading allocates nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "decode/avro_schema.h"
#include "decode/field_outcome.h"
#include "decode/field_tree.h"

namespace millrace {

struct AvroCursor;

class AvroPlan {
 public:
  // Without names of features, these are the fields of the schema's record, all but the label, or the
  // elements of its array. Errors: OptionError where features and label make no sense; what the schema lacks
  // makes its records bad.
  AvroPlan(AvroSchema schema, const DecoderSettings& settings);

  [[nodiscard]] DecodeOutcome read(std::string_view datum, float* row, float& label) const;

 private:
  enum class Op : std::uint8_t {
    floats,    // `count` float32 that become features from `field` on
    value,     // one value of `kind` that becomes `field`
    nullable,  // likewise, or null, whose branch has the number `type`
    pass,      // `count` bytes that nobody wants
    skip,      // a value of `type` that nobody wants
    branch,    // a union: programs_[type + its branch]
    elements,  // an array: steps of the element i in programs_[type + i], for `count` of them
    entries,   // a map: programs_[type + the place of the name among the members of the node `field`]
    miss,      // `field` has no value
    refuse     // the record is bad for `reason`
  };
  struct Step {
    Op op = Op::pass;
    AvroType::Kind kind = AvroType::Kind::null;
    BadRecordReason reason = BadRecordReason::malformed;
    std::int32_t field = -1;
    std::uint32_t type = 0;
    std::size_t count = 0;  // enumerations: of symbols
    int scale = -1;
  };
  using Program = std::vector<Step>;
  static constexpr std::size_t kMostEntries = 1024;  // that are read of one map

  void compile(std::uint32_t type, std::uint32_t node, Program& program);
  void compile_field(std::uint32_t type, std::int32_t field, Program& program);
  void compile_record(std::uint32_t type, std::uint32_t node, Program& program);
  void compile_variant(std::uint32_t type, std::uint32_t node, Program& program);
  void compile_array(std::uint32_t type, std::uint32_t node, Program& program);
  void compile_map(std::uint32_t type, std::uint32_t node, Program& program);
  void pass_over(std::uint32_t type, Program& program) const;
  void without(std::uint32_t node, bool is_null, Program& program) const;  // what becomes of all beneath
  std::uint32_t reserve_programs(std::size_t count);

  DecodeOutcome run(const Program& program, AvroCursor& cursor, float* row, float& label) const;
  DecodeOutcome read_value(const Step& step, AvroCursor& cursor, float* row, float& label) const;
  DecodeOutcome read_elements(const Step& step, AvroCursor& cursor, float* row, float& label) const;
  DecodeOutcome read_entries(const Step& step, AvroCursor& cursor, float* row, float& label) const;
  bool skip(std::uint32_t type, AvroCursor& cursor, unsigned depth) const;
  DecodeOutcome take(const ParsedNumber& number, std::int32_t field, float* row, float& label) const;

  AvroSchema schema_;
  std::unique_ptr<const FieldTree> fields_;
  std::int32_t label_field_;
  bool absent_is_missing_;
  Program main_;
  std::vector<Program> programs_;
};

}  // namespace millrace
