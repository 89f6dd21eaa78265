// Decodes records that a test in another language wrote: one a line on standard input, its value in
// hexadecimal digits; prints a row a line, or why there is none. Settings are words KEY=VALUE.
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "millrace/errors.h"

#include "app/error_sentences.h"
#include "decode/decoder_choice.h"
#include "schema_registry/registry_client.h"

namespace {

using namespace millrace;

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');) words.push_back(word);
  return words;
}

std::string from_hexadecimal(const std::string& digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void print_rows(std::map<std::string, std::string> words) {
  DecoderSettings settings{.format = parse_record_format(words["format"]),
                           .label = {.from = LabelRule::From::none, .name = {}}};
  const std::vector<std::string> features = split(words["features"]);
  const bool is_count =
      features.size() == 1 && features[0].find_first_not_of("0123456789") == std::string::npos;
  settings.features = static_cast<std::uint32_t>(is_count ? std::stoul(features[0]) : features.size());
  if (!is_count) settings.feature_names = features;
  if (words.contains("label")) settings.label = parse_label_rule(words["label"]);
  if (words.contains("columns")) settings.columns = split(words["columns"]);
  if (words.contains("separator")) settings.separator = parse_separator(words["separator"]);
  settings.absent_is_missing = words.contains("absent");
  if (words.contains("schema")) settings.schemas.text = read_file(words["schema"]);
  if (words.contains("registry")) {
    const char* const secret = std::getenv("MILLRACE_SCHEMA_REGISTRY_SECRET");
    const auto client = std::make_shared<RegistryClient>(
        RegistrySettings{.urls = split(words["registry"]),
                         .access = {.user = words["user"],
                                    .secret = secret == nullptr ? "" : secret,
                                    .ca_file = words["ca"]},
                         .timeout = std::chrono::milliseconds(std::stoi(words["timeout-ms"]))},
        std::stop_token());
    settings.schemas.fetch = [client](std::uint32_t id) { return client->schema_of(id); };
  }
  const std::unique_ptr<Decoder> decoder = make_decoder(settings);
  std::vector<float> row(settings.features);
  for (std::string line; std::getline(std::cin, line);) {
    const std::string value = from_hexadecimal(line);
    const RecordView record{.value = value, .has_value = true};
    float label = 0;
    DecodeOutcome outcome;
    decoder->decode({&record, 1}, 0, row.data(), &label, {&outcome, 1});
    if (outcome.good) {
      fmt::print("{} {}\n", fmt::join(row, ","), label);
    } else {
      fmt::print("{} {}\n", name_of(outcome.reason), decoder->field_name(outcome.field));
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  std::map<std::string, std::string> words;
  for (int i = 1; i < count; ++i) {
    const std::string word = arguments[i];
    words[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
  }
  try {
    print_rows(std::move(words));
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", sentence_for(error));
    return static_cast<int>(exit_code_for(error));
  }
}
