#include "app/feed_rules.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/errors.h"

namespace millrace {

namespace {

using Kind = OptionError::Kind;

std::vector<std::pair<std::string, std::string>> label_map(const OptionValues& options) {
  std::vector<std::pair<std::string, std::string>> map;
  for (const std::string& item : options.list("label-map")) {
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == item.size()) {
      throw OptionError(Kind::invalid, options.written("label-map"), item,
                        "expected FROM=TO with commas between them");
    }
    map.emplace_back(item.substr(0, equals), item.substr(equals + 1));
    const auto first = std::ranges::find(map, map.back().first, &std::pair<std::string, std::string>::first);
    if (first + 1 != map.end()) {
      throw OptionError(Kind::invalid, options.written("label-map"), item,
                        "the label before the = stands there twice");
    }
  }
  return map;
}

std::optional<SplitRule> split_rule(const OptionValues& options) {
  if (!options.given("part")) {
    for (const char* const needless : {"test-share", "split-seed"}) {
      if (!options.given(needless)) continue;
      throw OptionError(Kind::conflict, options.written(needless), "",
                        "it needs --part train or --part test");
    }
    return std::nullopt;
  }
  if (!options.given("test-share")) {
    throw OptionError(Kind::missing, "--test-share", "", "--part needs it, for example --test-share 0.4");
  }
  return SplitRule{.seed = static_cast<std::uint64_t>(options.integer("split-seed")),
                   .test_share = options.number("test-share"),
                   .part = options.text("part") == "test" ? SplitPart::test : SplitPart::train};
}

}  // namespace

FeedRules feed_rules(const OptionValues& options) {
  FeedRules rules;
  rules.record.columns = options.list("columns");
  rules.record.label = options.text("label");
  if (rules.record.label.empty()) {
    for (const char* const needless : {"label-as", "label-map"}) {
      if (!options.given(needless)) continue;
      throw OptionError(Kind::conflict, options.written(needless), "", "it needs --label COLUMN");
    }
  }
  if (std::ranges::find(rules.record.columns, rules.record.label) != rules.record.columns.end()) {
    throw OptionError(Kind::conflict, options.written("columns"), rules.record.label,
                      "the label is no feature; --label-as column sends it as the last column");
  }
  const bool packed = options.text("format") == "packed";
  const bool as_key = options.text("label-as") == "key";
  if (packed && as_key && options.given("label-as")) {
    throw OptionError(Kind::conflict, options.written("label-as"), "key",
                      "a packed record holds many rows with a label each, and has them in its value");
  }
  if (!packed && options.given("rows-per-record")) {
    throw OptionError(Kind::conflict, options.written("rows-per-record"), "", "it needs --format packed");
  }
  rules.record.numbers_only = packed;
  rules.record.label_place = as_key && !packed ? LabelPlace::key : LabelPlace::last_column;
  rules.record.label_map = label_map(options);
  rules.split = split_rule(options);
  rules.repeat = static_cast<std::uint64_t>(options.integer("repeat"));
  return rules;
}

}  // namespace millrace
