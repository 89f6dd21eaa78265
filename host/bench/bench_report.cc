#include "bench/bench_report.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fstream>
#include <librdkafka/rdkafka.h>
#include <string_view>
#include <thread>

#include "bench/product_peak.h"

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

std::string processor_name() {
  constexpr std::string_view kKey = "model name";
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with(kKey) && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "a processor without a name";
}

// Bytes of a line's letters are its width: tables are of ASCII, but for names of things.
std::vector<std::size_t> widths_of(const std::vector<std::vector<std::string>>& table) {
  std::vector<std::size_t> widths;
  for (const std::vector<std::string>& row : table) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t column = 0; column < row.size(); ++column) {
      widths[column] = std::max(widths[column], row[column].size());
    }
  }
  return widths;
}

}  // namespace

BenchMachine this_machine() {
  return {.processor = processor_name(),
          .threads = std::thread::hardware_concurrency(),
          .millrace = MILLRACE_VERSION,
          .librdkafka = rd_kafka_version_str(),
          .onednn = onednn_version()};
}

Json finite_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

std::string json_of(const BenchReport& report, const BenchMachine& machine) {
  Json json = {
      {"schema_version", kBenchSchemaVersion},
      {"stage", report.stage},
      {"machine", {{"processor", machine.processor}, {"threads", machine.threads}}},
      {"versions",
       {{"millrace", machine.millrace}, {"librdkafka", machine.librdkafka}, {"onednn", machine.onednn}}}};
  json.update(report.figures);
  return json.dump(1, ' ', false, Json::error_handler_t::replace);
}

std::string text_of(const BenchReport& report, const BenchMachine& machine) {
  std::string text =
      fmt::format("{}: {}\n{}, {} threads; millrace {}, librdkafka {}, {}\n\n", report.stage, report.subject,
                  machine.processor, machine.threads, machine.millrace, machine.librdkafka, machine.onednn);
  const std::vector<std::size_t> widths = widths_of(report.table);
  for (const std::vector<std::string>& row : report.table) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      const std::string gap(widths[column] - row[column].size(), ' ');
      text += column == 0 ? "  " + row[column] + gap : "  " + gap + row[column];
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  for (const std::string& note : report.notes) text += '\n' + note;
  return text;
}

}  // namespace millrace
