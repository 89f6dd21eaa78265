// Avro schemas (specification 1.12), as far as reading needs them: how each value is written.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace millrace {

// Why a text is no schema.
class AvroSchemaError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct AvroField {
  std::string name;
  std::vector<std::string> aliases;
  std::uint32_t type = 0;
};

struct AvroType {
  enum class Kind : std::uint8_t {
    null,
    boolean,
    integer,  // int and long are written alike
    float32,
    float64,
    bytes,
    string,
    fixed,
    enumeration,
    array,
    map,
    variant,  // a union
    record
  };

  Kind kind = Kind::null;
  std::size_t size = 0;                 // fixed: bytes; enumeration: symbols
  int scale = -1;                       // bytes and fixed that are decimals: digits after the point
  std::vector<std::uint32_t> branches;  // of a variant; the one type of what an array or a map holds
  std::vector<AvroField> fields;        // of a record
};

// Types refer to each other by index, so that a type may hold itself. Constant after construction.
class AvroSchema {
 public:
  // `references` are schemas whose types the text names, each after those that it names itself.
  // Errors: AvroSchemaError.
  explicit AvroSchema(const std::string& text, std::span<const std::string> references = {});

  [[nodiscard]] std::uint32_t root() const { return root_; }
  [[nodiscard]] const AvroType& operator[](std::uint32_t type) const { return types_[type]; }
  [[nodiscard]] std::size_t size() const { return types_.size(); }

  // Whether values of the type take no bytes at all.
  [[nodiscard]] bool is_empty(std::uint32_t type) const { return empty_[type]; }

 private:
  std::vector<AvroType> types_;
  std::vector<bool> empty_;
  std::uint32_t root_ = 0;
};

// A schema as a registry keeps it.
struct AvroSchemaText {
  std::string text;
  std::vector<std::string> references;  // as AvroSchema takes them
};

// Where the schemas of a topic's records come from: one for all of them, or by the id that each begins with.
struct AvroSchemas {
  std::string text;  // empty: by id
  // Nothing where no schema has this id. Called by the threads that decode, once per id; may take its time.
  // Throws what is to end the run, and DecodeStopped once nobody waits for the records any more.
  std::function<std::optional<AvroSchemaText>(std::uint32_t id)> fetch;
};

}  // namespace millrace
