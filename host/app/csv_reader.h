// Reads and writes rows of CSV text as RFC 4180 has them: fields between commas; a field in double quotes may
// hold commas, line breaks and doubled quotes.
//
// Taken besides: lines that end in LF alone, blanks as part of a field, a byte order mark before the first
// field, empty lines (skipped), a last line without an end. One thread.
#pragma once

#include <cstdint>
#include <istream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

class CsvReader {
 public:
  // `name` stands for the input in errors. The stream must outlive the reader.
  CsvReader(std::istream& input, std::string name) : input_(input), name_(std::move(name)) {}

  // Goes to the next row; false at the end. Throws InputRowError where quotes are broken or the input fails.
  bool next();

  // Of the current row. Valid until `next`.
  [[nodiscard]] std::span<const std::string> fields() const { return {fields_.data(), count_}; }
  [[nodiscard]] std::uint64_t line() const { return row_line_; }  // where it begins, from 1

  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  bool read_line();
  void parse_row();
  std::size_t parse_quoted(std::size_t begin, std::string& field);
  std::string& add_field();

  std::istream& input_;
  const std::string name_;
  std::string text_;                 // the current line
  std::vector<std::string> fields_;  // grows to the widest row and keeps its memory
  std::size_t count_ = 0;            // fields of the current row
  std::uint64_t last_line_ = 0;
  std::uint64_t row_line_ = 0;
};

// Adds a field to a row of CSV text, in quotes where it needs them; commas between fields are the caller's.
void append_csv_field(std::string& row, std::string_view field);

}  // namespace millrace
