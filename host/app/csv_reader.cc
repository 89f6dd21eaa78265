#include "app/csv_reader.h"

#include <algorithm>

#include "app/input_row_error.h"

namespace millrace {

bool CsvReader::read_line() {
  if (!std::getline(input_, text_)) {
    if (input_.bad()) throw InputRowError(name_, last_line_ + 1, "the input cannot be read any further");
    return false;
  }
  ++last_line_;
  if (text_.ends_with('\r')) text_.pop_back();
  return true;
}

bool CsvReader::next() {
  do {
    if (!read_line()) return false;
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (last_line_ == 1 && text_.starts_with(kByteOrderMark)) text_.erase(0, kByteOrderMark.size());
  } while (text_.empty());
  row_line_ = last_line_;
  parse_row();
  return true;
}

void CsvReader::parse_row() {
  count_ = 0;
  std::size_t at = 0;
  for (;;) {
    std::string& field = add_field();
    if (at < text_.size() && text_[at] == '"') {
      at = parse_quoted(at + 1, field);
      if (at < text_.size() && text_[at] != ',') {
        throw InputRowError(name_, row_line_, "a field goes on after its closing quote");
      }
    } else {
      const std::size_t end = std::min(text_.find(',', at), text_.size());
      field.assign(text_, at, end - at);
      at = end;
    }
    if (at == text_.size()) return;
    ++at;  // the comma
  }
}

// Takes the field whose opening quote stands before `begin`, over as many lines as it has; returns what comes
// after the closing quote, as a place in text_.
std::size_t CsvReader::parse_quoted(std::size_t begin, std::string& field) {
  for (;;) {
    const std::size_t quote = text_.find('"', begin);
    if (quote == std::string::npos) {
      field.append(text_, begin);
      field += '\n';
      if (!read_line()) throw InputRowError(name_, row_line_, "a quote is opened and never closed");
      begin = 0;
      continue;
    }
    field.append(text_, begin, quote - begin);
    if (quote + 1 == text_.size() || text_[quote + 1] != '"') return quote + 1;
    field += '"';
    begin = quote + 2;
  }
}

std::string& CsvReader::add_field() {
  if (count_ == fields_.size()) fields_.emplace_back();
  fields_[count_].clear();
  return fields_[count_++];
}

void append_csv_field(std::string& row, std::string_view field) {
  if (field.find_first_of(",\"\r\n") == std::string_view::npos) {
    row += field;
    return;
  }
  row += '"';
  for (const char letter : field) {
    if (letter == '"') row += '"';
    row += letter;
  }
  row += '"';
}

}  // namespace millrace
