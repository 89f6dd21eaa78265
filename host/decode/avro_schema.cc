#include "decode/avro_schema.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

namespace millrace {
namespace {

using Json = nlohmann::json;
using Kind = AvroType::Kind;

constexpr unsigned kDeepest = 64;
constexpr std::size_t kMostTypes = 100'000;
constexpr std::size_t kLargestText = std::size_t{4} << 20;
constexpr std::size_t kLargestFixed = std::size_t{1} << 30;

struct Primitive {
  std::string_view name;
  Kind kind;
};
constexpr Primitive kPrimitives[] = {
    {"null", Kind::null},     {"boolean", Kind::boolean}, {"int", Kind::integer}, {"long", Kind::integer},
    {"float", Kind::float32}, {"double", Kind::float64},  {"bytes", Kind::bytes}, {"string", Kind::string}};

[[noreturn]] void refuse(const std::string& reason) { throw AvroSchemaError(reason); }

const Json& member(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) refuse(fmt::format("a type has no \"{}\"", name));
  return *found;
}

const std::string& text_of(const Json& object, const char* name) {
  const Json& value = member(object, name);
  if (!value.is_string()) refuse(fmt::format("\"{}\" is no text", name));
  return value.get_ref<const std::string&>();
}

std::vector<std::string> texts_of(const Json& object, const char* name) {
  std::vector<std::string> texts;
  const auto found = object.find(name);
  if (found == object.end()) return texts;
  if (!found->is_array()) refuse(fmt::format("\"{}\" is no array", name));
  for (const Json& each : *found) {
    if (!each.is_string()) refuse(fmt::format("\"{}\" holds something else than text", name));
    texts.push_back(each.get<std::string>());
  }
  return texts;
}

// Of bytes and fixed that hold decimals; -1: they do not.
int scale_of(const Json& object) {
  const auto logical = object.find("logicalType");
  if (logical == object.end() || *logical != "decimal") return -1;
  const auto scale = object.find("scale");
  if (scale == object.end()) return 0;
  constexpr int kLargestScale = 1000;
  const bool valid = scale->is_number_integer() && *scale >= 0 && *scale <= kLargestScale;
  return valid ? scale->get<int>() : -1;  // as the specification says: then the logical type is ignored
}

class SchemaReader {
 public:
  explicit SchemaReader(std::vector<AvroType>& types) : types_(types) {}

  std::uint32_t read(const std::string& text) {
    if (text.size() > kLargestText) refuse("it is larger than 4 MiB");
    const Json json = Json::parse(text, nullptr, false);
    // A name alone, without quotes, is a schema to some writers.
    return json.is_discarded() ? type_of(Json(text), "", 0) : type_of(json, "", 0);
  }

 private:
  std::uint32_t type_of(const Json& json, const std::string& space, unsigned depth);
  std::uint32_t variant(const Json& json, const std::string& space, unsigned depth);
  std::uint32_t record(const Json& json, const std::string& space, unsigned depth);
  std::uint32_t named(const std::string& name, const std::string& space) const;

  std::uint32_t add(AvroType type) {
    if (types_.size() == kMostTypes) refuse("it holds too many types");
    types_.push_back(std::move(type));
    return static_cast<std::uint32_t>(types_.size() - 1);
  }
  // Makes a type known by its name and aliases; returns the namespace that names within it belong to.
  std::string define(const Json& json, const std::string& space, std::uint32_t type);

  std::vector<AvroType>& types_;
  std::map<std::string, std::uint32_t, std::less<>> names_;
};

std::string full_name(const std::string& name, const std::string& space) {
  return space.empty() || name.find('.') != std::string::npos ? name : fmt::format("{}.{}", space, name);
}

std::string SchemaReader::define(const Json& json, const std::string& space, std::uint32_t type) {
  const auto own = json.find("namespace");
  const std::string& name = text_of(json, "name");
  if (name.empty()) refuse("a name is empty");
  const std::string full =
      full_name(name, own != json.end() && own->is_string() ? own->get<std::string>() : space);
  const std::size_t dot = full.rfind('.');
  std::string within = dot == std::string::npos ? std::string() : full.substr(0, dot);
  if (!names_.emplace(full, type).second) refuse(fmt::format("{} is defined twice", full));
  for (const std::string& alias : texts_of(json, "aliases")) names_.emplace(full_name(alias, within), type);
  return within;
}

std::uint32_t SchemaReader::named(const std::string& name, const std::string& space) const {
  for (const std::string& each : {full_name(name, space), name}) {
    const auto found = names_.find(each);
    if (found != names_.end()) return found->second;
  }
  refuse(fmt::format("no type is called {}", name.substr(0, 200)));
}

std::uint32_t SchemaReader::type_of(const Json& json, const std::string& space, unsigned depth) {
  if (depth > kDeepest) refuse("its types nest too deeply");
  if (json.is_array()) return variant(json, space, depth);
  if (json.is_string()) {
    const auto& name = json.get_ref<const std::string&>();
    const auto* const primitive = std::ranges::find(kPrimitives, name, &Primitive::name);
    return primitive == std::end(kPrimitives) ? named(name, space) : add({.kind = primitive->kind});
  }
  if (!json.is_object()) refuse("a type is neither text nor an object nor an array");
  const Json& type = member(json, "type");
  if (!type.is_string()) return type_of(type, space, depth + 1);
  const auto& name = type.get_ref<const std::string&>();
  if (name == "record" || name == "error") return record(json, space, depth);
  if (name == "enum") {
    const std::uint32_t made = add({.kind = Kind::enumeration, .size = texts_of(json, "symbols").size()});
    define(json, space, made);
    return made;
  }
  if (name == "fixed") {
    const Json& size = member(json, "size");
    if (!size.is_number_unsigned() || size > kLargestFixed) refuse("the size of a fixed is no good number");
    const std::uint32_t made =
        add({.kind = Kind::fixed, .size = size.get<std::size_t>(), .scale = scale_of(json)});
    define(json, space, made);
    return made;
  }
  if (name == "array" || name == "map") {
    const bool is_array = name == "array";
    const std::uint32_t held = type_of(member(json, is_array ? "items" : "values"), space, depth + 1);
    return add({.kind = is_array ? Kind::array : Kind::map, .branches = {held}});
  }
  const std::uint32_t made = type_of(type, space, depth + 1);
  if (types_[made].kind == Kind::bytes) types_[made].scale = scale_of(json);
  return made;
}

std::uint32_t SchemaReader::variant(const Json& json, const std::string& space, unsigned depth) {
  AvroType type{.kind = Kind::variant};
  if (json.empty()) refuse("a union is empty");
  for (const Json& each : json) {
    type.branches.push_back(type_of(each, space, depth + 1));
    if (types_[type.branches.back()].kind == Kind::variant) refuse("a union holds a union");
  }
  return add(std::move(type));
}

std::uint32_t SchemaReader::record(const Json& json, const std::string& space, unsigned depth) {
  const std::uint32_t made = add({.kind = Kind::record});  // first: its fields may name it
  const std::string within = define(json, space, made);
  const Json& fields = member(json, "fields");
  if (!fields.is_array()) refuse("\"fields\" is no array");
  for (const Json& each : fields) {
    if (!each.is_object()) refuse("a field is no object");
    AvroField field{.name = text_of(each, "name"), .aliases = texts_of(each, "aliases")};
    field.type = type_of(member(each, "type"), within, depth + 1);
    types_[made].fields.push_back(std::move(field));
  }
  return made;
}

// Records of nothing but null and fixed of no bytes; found by going round until nothing changes.
std::vector<bool> empty_types(const std::vector<AvroType>& types) {
  std::vector<bool> empty(types.size());
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = 0; i < types.size(); ++i) {
      const AvroType& type = types[i];
      const bool now =
          type.kind == Kind::null || (type.kind == Kind::fixed && type.size == 0) ||
          (type.kind == Kind::record &&
           std::ranges::all_of(type.fields, [&](const AvroField& field) { return empty[field.type]; }));
      changed = changed || (now && !empty[i]);
      empty[i] = empty[i] || now;
    }
  }
  return empty;
}

}  // namespace

AvroSchema::AvroSchema(const std::string& text, std::span<const std::string> references) {
  SchemaReader reader(types_);
  for (const std::string& each : references) reader.read(each);
  root_ = reader.read(text);
  empty_ = empty_types(types_);
}

}  // namespace millrace
