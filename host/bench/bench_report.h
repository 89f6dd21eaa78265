// What a stage of `millrace bench` found, as one JSON object for programs or as a table for people.
//
// Pure functions of plain values, but for `this_machine`, which looks around; any thread may call them.
// Neither form ends in a newline. Figures that are not finite are null in JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace millrace {

inline constexpr int kBenchSchemaVersion = 1;

struct BenchReport {
  std::string stage;
  std::string subject;                          // what was measured, one line for people
  nlohmann::ordered_json figures;               // the stage's own members of the JSON object
  std::vector<std::vector<std::string>> table;  // the first row is its head; a first column of names
  std::vector<std::string> notes;               // sentences below the table: the bound, the share of it
};

// Where a figure was measured, without which it means nothing.
struct BenchMachine {
  std::string processor;
  unsigned threads = 0;
  std::string millrace;
  std::string librdkafka;
  std::string onednn;  // what the peak is measured with
};

[[nodiscard]] BenchMachine this_machine();

[[nodiscard]] std::string json_of(const BenchReport& report, const BenchMachine& machine);
[[nodiscard]] std::string text_of(const BenchReport& report, const BenchMachine& machine);

// Finite, or null.
[[nodiscard]] nlohmann::ordered_json finite_or_null(double value);

}  // namespace millrace
