#include "decode/field_tree.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <optional>
#include <utility>

#include "millrace/errors.h"

#include "decode/utf8.h"

namespace millrace {
namespace {

constexpr std::size_t kMostElements = 1'000'000;
constexpr std::size_t kWide = 16;  // members from which on a table finds one sooner than comparing with each

[[noreturn]] void refuse(const char* option, const std::string& path, std::string reason) {
  throw OptionError(OptionError::Kind::invalid, option, path, std::move(reason));
}

struct Step {
  std::string name;
  std::optional<std::size_t> index;
};

// Cuts one step off the beginning of what is left of a path.
Step cut_step(std::string_view& rest, const std::string& path, const char* option) {
  Step step;
  if (rest.front() == '[') {
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), index);
    const auto length = static_cast<std::size_t>(end - rest.data());
    if (error != std::errc{} || length == rest.size() || *end != ']' || index >= kMostElements) {
      refuse(option, path, "expected the number of an element, from 0, between brackets");
    }
    rest.remove_prefix(length + 1);
    step.index = index;
  } else {
    while (!rest.empty() && rest.front() != '.' && rest.front() != '[') {
      if (rest.front() == '\\') rest.remove_prefix(1);
      if (rest.empty()) refuse(option, path, "a backslash stands before the character that it is for");
      step.name += rest.front();
      rest.remove_prefix(1);
    }
    if (step.name.empty()) refuse(option, path, "a name is empty");
  }
  if (rest.empty() || rest.front() == '[') return step;
  if (rest.front() != '.' || rest.size() == 1) refuse(option, path, "expected a name after a dot");
  rest.remove_prefix(1);
  if (rest.front() == '[') refuse(option, path, "expected a name after a dot");
  return step;
}

bool is_verbatim_in_json(std::string_view name) {
  return std::ranges::none_of(
      name, [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; });
}

std::string element(std::size_t index) { return fmt::format("[{}]", index); }

// The elements that are features where none has a name: all but the label, which is one of them or elsewhere.
std::vector<std::string> unnamed_features(const DecoderSettings& settings) {
  std::vector<std::string> paths;
  const bool skips = settings.label.from == LabelRule::From::column;
  for (std::size_t index = 0; paths.size() < settings.features; ++index) {
    if (!skips || element(index) != settings.label.name) paths.push_back(element(index));
  }
  return paths;
}

}  // namespace

FieldTree::FieldTree(const DecoderSettings& settings) : unnamed_(settings.feature_names.empty()) {
  new_node(0);
  if (unnamed_ && settings.features == 0) refuse("--features", "0", "a row has at least one feature");
  for (const std::string& path : unnamed_ ? unnamed_features(settings) : settings.feature_names) {
    add(path, "--features");
  }
  if (settings.label.from == LabelRule::From::column) {
    if (unnamed_ && settings.label.name.front() != '[') {
      refuse("--label", settings.label.name,
             "features without names are the elements of an array, and so is the label: expected [N]");
    }
    add(settings.label.name, "--label");
  }
  by_name_.resize(nodes_.size());
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    if (nodes_[node].members.size() < kWide) continue;
    for (const Member& member : nodes_[node].members) by_name_[node].emplace(member.name, member.node);
  }
}

std::uint32_t FieldTree::find(std::uint32_t node, std::string_view name) const {
  if (!by_name_[node].empty()) {
    const auto found = by_name_[node].find(name);
    return found == by_name_[node].end() ? kNone : found->second;
  }
  const std::vector<Member>& members = nodes_[node].members;
  const auto found = std::ranges::find(members, name, &Member::name);
  return found == members.end() ? kNone : found->node;
}

const std::string& FieldTree::path_of(std::int32_t field) const {
  return paths_.at(static_cast<std::size_t>(field));
}

std::int32_t FieldTree::first_field_of(std::uint32_t node) const {
  while (!nodes_[node].is_field()) {
    const Node& inner = nodes_[node];
    node = inner.is_array() ? *std::ranges::find_if(inner.elements, [](auto each) { return each != kNone; })
                            : inner.members.front().node;
  }
  return nodes_[node].field;
}

void FieldTree::add(const std::string& path, const char* option) {
  if (path.empty()) refuse(option, path, "a name is empty");
  if (!is_utf8(path)) refuse(option, path, "this is not UTF-8");
  std::uint32_t node = 0;
  for (std::string_view rest = path; !rest.empty();) {
    const Step step = cut_step(rest, path, option);
    const Node& at = nodes_[node];
    if (at.is_field()) refuse(option, path, "a part of this path is named as a field itself");
    if (step.index ? !at.members.empty() : at.is_array()) {
      refuse(option, path, "a part of this path is an object here and an array elsewhere");
    }
    node = step.index ? element_of(node, *step.index) : member_of(node, step.name);
  }
  Node& leaf = nodes_[node];
  if (leaf.is_field()) refuse(option, path, "this field is named twice");
  if (leaf.is_array() || !leaf.members.empty()) refuse(option, path, "parts of this field are named as well");
  leaf.field = static_cast<std::int32_t>(paths_.size());
  paths_.push_back(path);
}

std::uint32_t FieldTree::member_of(std::uint32_t node, const std::string& name) {
  for (const Member& member : nodes_[node].members) {
    if (member.name == name) return member.node;
  }
  const std::uint32_t made = new_node(nodes_[node].members.size());
  nodes_[node].members.push_back(
      {name, made, is_verbatim_in_json(name) ? fmt::format("{}\":", name) : std::string()});
  return made;
}

std::uint32_t FieldTree::element_of(std::uint32_t node, std::size_t index) {
  if (nodes_[node].elements.size() <= index) nodes_[node].elements.resize(index + 1, kNone);
  if (nodes_[node].elements[index] == kNone) {
    const std::uint32_t made = new_node(index);
    nodes_[node].elements[index] = made;
  }
  return nodes_[node].elements[index];
}

std::uint32_t FieldTree::new_node(std::size_t place) {
  nodes_.push_back({.place = static_cast<std::uint32_t>(place)});
  return static_cast<std::uint32_t>(nodes_.size() - 1);
}

}  // namespace millrace
