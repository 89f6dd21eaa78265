// A page about a run: tables and learning curves, in one HTML file that needs nothing else: no network, no
// scripts. It reads well on a wide screen, on a phone, on paper, in the dark and to a screen reader.
//
// Pure functions of plain values; any thread may call them. Every text is escaped.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace {

struct ReportTable {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>>
      rows;          // the first cell of a row is its heading; numbers are set right
  std::string note;  // a line below; may be empty
};

struct Report {
  struct Plot {
    enum class Mark { line, dots };  // dots: raw data, faint, in the colour of the line that comes next

    struct Series {
      std::string name;
      std::vector<std::pair<double, double>> points;  // by x; what is not finite is a gap
      Mark mark = Mark::line;
    };

    std::string title;
    std::string y_label;
    std::vector<Series> series;
    std::string x_label;
    bool log_y = false;               // what is not positive is a gap then
    std::optional<double> reference;  // a level to compare with
    std::string reference_name;
  };

  std::string title;
  std::string subtitle;
  std::vector<ReportTable> tables;
  std::vector<Plot> plots;
  std::string footer;
};

[[nodiscard]] std::string render_html(const Report& report);

// Atomic: the file is whole, or what stood there before. Errors: StateError (not_writable, no_space, missing,
// io).
void write_report(const std::filesystem::path& file, const Report& report);

}  // namespace millrace
