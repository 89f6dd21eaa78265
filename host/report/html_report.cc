#include "report/html_report.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <string_view>
#include <system_error>
#include <unistd.h>

#include "millrace/errors.h"

#include "report/html_text.h"
#include "report/page_style.h"
#include "report/svg_plot.h"

namespace millrace {
namespace {

// A cell that is set right: a number, perhaps with its unit, or the sign of an absent one.
bool is_figure(std::string_view cell) {
  if (cell.empty() || cell == "-" || cell == "–" || cell == "—") return true;
  if (cell.starts_with("−")) cell.remove_prefix(std::string_view("−").size());
  if (cell.starts_with('-') || cell.starts_with('+')) cell.remove_prefix(1);
  return !cell.empty() && cell.front() >= '0' && cell.front() <= '9';
}

// The first column names its rows and stays left.
std::vector<bool> figure_columns(const ReportTable& table) {
  std::size_t columns = table.columns.size();
  for (const auto& row : table.rows) columns = std::max(columns, row.size());
  std::vector<bool> figures(columns, true);
  for (std::size_t column = 0; column < columns; ++column) {
    figures[column] = column > 0 && std::ranges::all_of(table.rows, [&](const auto& row) {
                        return column >= row.size() || is_figure(row[column]);
                      });
  }
  return figures;
}

std::string render_table(const ReportTable& table) {
  const std::vector<bool> figures = figure_columns(table);
  const auto cell = [&](const std::vector<std::string>& row, std::size_t column, std::string_view tag,
                        std::string_view scope) {
    return fmt::format("<{0}{1}{2}>{3}</{0}>", tag, scope, figures[column] ? " class=\"figure\"" : "",
                       column < row.size() ? escaped(row[column]) : "");
  };
  std::string html = "<section>\n";
  if (!table.title.empty()) html += fmt::format("<h2>{}</h2>\n", escaped(table.title));
  html += "<div class=\"scroll\"><table>\n";
  if (!table.columns.empty()) {
    html += "<thead><tr>";
    for (std::size_t i = 0; i < figures.size(); ++i) html += cell(table.columns, i, "th", " scope=\"col\"");
    html += "</tr></thead>\n";
  }
  html += "<tbody>\n";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (std::size_t i = 0; i < figures.size(); ++i) {
      html += i == 0 ? cell(row, i, "th", " scope=\"row\"") : cell(row, i, "td", "");
    }
    html += "</tr>\n";
  }
  html += "</tbody></table></div>\n";
  if (!table.note.empty()) html += fmt::format("<p class=\"note\">{}</p>\n", escaped(table.note));
  return html + "</section>\n";
}

[[noreturn]] void fail(const std::filesystem::path& file, std::string_view operation, int error_number) {
  auto kind = StateError::Kind::io;
  if (error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG)
    kind = StateError::Kind::no_space;
  if (error_number == EACCES || error_number == EPERM || error_number == EROFS)
    kind = StateError::Kind::not_writable;
  if (error_number == ENOENT) kind = StateError::Kind::missing;
  throw StateError(kind, file.string(),
                   fmt::format("{}: {}", operation, std::generic_category().message(error_number)));
}

// Returns 0 or the error's number.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

std::string render_html(const Report& report) {
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n"
      "<style>{}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{}</h1>\n",
      escaped(report.title), kPageStyle, escaped(report.title));
  if (!report.subtitle.empty())
    html += fmt::format("<p class=\"subtitle\">{}</p>\n", escaped(report.subtitle));
  html += "</header>\n";
  // The first table is the result; what led there and the details follow.
  if (!report.tables.empty()) html += render_table(report.tables.front());
  for (std::size_t i = 0; i < report.plots.size(); ++i) html += render_figure(report.plots[i], i + 1);
  for (std::size_t i = 1; i < report.tables.size(); ++i) html += render_table(report.tables[i]);
  if (!report.footer.empty()) html += fmt::format("<footer>{}</footer>\n", escaped(report.footer));
  return html + "</main>\n</body>\n</html>\n";
}

void write_report(const std::filesystem::path& file, const Report& report) {
  const std::string html = render_html(report);
  const std::filesystem::path temporary =
      file.parent_path() / fmt::format(".{}.{}.tmp", file.filename().native(), ::getpid());
  ::unlink(temporary.c_str());  // of a killed process that had the same number
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0) fail(file, "creating a temporary", errno);
  int error = write_all(descriptor, html);
  if (::close(descriptor) != 0 && error == 0) error = errno;
  if (error == 0 && ::rename(temporary.c_str(), file.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(temporary.c_str());
    fail(file, "writing", error);
  }
}

}  // namespace millrace
