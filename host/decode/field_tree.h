// The fields of nested values by their paths: which branches lead to a feature or to the label.
//
// A path names members with dots between them, and elements of arrays from 0 in brackets: `a`, `b.c`, `d[0]`,
// `[2].x`. A backslash takes the meaning from the character after it, so `b\.c` is one name.
// Constant after construction: any thread may look.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "decode/decoder_settings.h"

namespace millrace {

class FieldTree {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  struct Member {
    std::string name;
    std::uint32_t node = 0;
    std::string json_key = {};  // `NAME":`, as JSON mostly writes it; empty where JSON escapes the name
  };
  // A value that leads to something: an object with members, an array with elements, or a field itself.
  struct Node {
    std::int32_t field = -1;              // from 0: the features, then the label; -1: no field itself
    std::uint32_t place = 0;              // among the members of an object
    std::vector<Member> members;          // in the order in which they were named
    std::vector<std::uint32_t> elements;  // by index; kNone where nothing there is looked at

    [[nodiscard]] bool is_field() const { return field >= 0; }
    [[nodiscard]] bool is_array() const { return !elements.empty(); }
  };

  // Without names of features, these are the elements of one array, all but the label's.
  // Errors: OptionError for --features and --label.
  explicit FieldTree(const DecoderSettings& settings);
  FieldTree(const FieldTree&) = delete;  // tables hold views of its names
  FieldTree& operator=(const FieldTree&) = delete;
  ~FieldTree() = default;

  [[nodiscard]] const Node& root() const { return nodes_.front(); }
  [[nodiscard]] const Node& operator[](std::uint32_t node) const { return nodes_[node]; }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] bool is_unnamed_array() const { return unnamed_; }

  // The member of an object, or kNone.
  [[nodiscard]] std::uint32_t find(std::uint32_t node, std::string_view name) const;

  [[nodiscard]] std::size_t fields() const { return paths_.size(); }
  [[nodiscard]] const std::string& path_of(std::int32_t field) const;  // as it was given
  [[nodiscard]] std::int32_t first_field_of(std::uint32_t node) const;

 private:
  void add(const std::string& path, const char* option);
  std::uint32_t member_of(std::uint32_t node, const std::string& name);
  std::uint32_t element_of(std::uint32_t node, std::size_t index);
  std::uint32_t new_node(std::size_t place);

  bool unnamed_;
  std::vector<std::string> paths_;  // [fields]
  std::vector<Node> nodes_;
  std::vector<std::unordered_map<std::string_view, std::uint32_t>> by_name_;  // [nodes] of wide objects
};

}  // namespace millrace
