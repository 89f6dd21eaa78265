#include "report/html_report.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <limits>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>

#include "millrace/errors.h"

#include "report/html_text.h"
#include "support/temp_dir.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Walks the tags: each closes what was opened last, quotes are closed, no bare markup stands in text.
::testing::AssertionResult is_well_formed(const std::string& html) {
  static const std::set<std::string> kVoid = {"meta", "br", "hr", "link", "img"};
  std::vector<std::string> open;
  std::size_t at = html.find("<html");
  if (at == std::string::npos) at = 0;
  while (at < html.size()) {
    if (html[at] == '>') return ::testing::AssertionFailure() << "a bare > at " << at;
    if (html[at] != '<') {
      ++at;
      continue;
    }
    std::size_t end = at + 1;
    for (char quote = '\0'; end < html.size() && (quote != '\0' || html[end] != '>'); ++end) {
      if (html[end] == '<') return ::testing::AssertionFailure() << "a bare < at " << end;
      if (quote == html[end]) {
        quote = '\0';
      } else if (quote == '\0' && (html[end] == '"' || html[end] == '\'')) {
        quote = html[end];
      }
    }
    if (end == html.size()) return ::testing::AssertionFailure() << "an open tag at " << at;
    const std::string tag = html.substr(at + 1, end - at - 1);
    const std::string name = tag.substr(0, tag.find_first_of(" /\n", 1));
    if (tag.front() == '/') {
      if (open.empty() || open.back() != tag.substr(1))
        return ::testing::AssertionFailure() << "<" << tag << "> closes nothing";
      open.pop_back();
    } else if (tag.back() != '/' && !kVoid.contains(name)) {
      open.push_back(name);
      if (name == "style") end = html.find("</style>", end) - 1;
    }
    at = end + 1;
  }
  if (!open.empty()) return ::testing::AssertionFailure() << "<" << open.back() << "> is not closed";
  return ::testing::AssertionSuccess();
}

Report::Plot plot_of(std::vector<std::pair<double, double>> points) {
  return {.title = "A plot",
          .y_label = "loss",
          .series = {{.name = "one", .points = std::move(points), .mark = Report::Plot::Mark::line}},
          .x_label = "rows",
          .log_y = false,
          .reference = std::nullopt,
          .reference_name = {}};
}

Report realistic() {
  Report report;
  report.title = "A run";
  report.subtitle = "What it was about.";
  report.tables = {{"First", {"", "loss"}, {{"a", "0.1"}, {"b", "-"}}, "A note."},
                   {"Second", {}, {{"x", "words", "1"}, {"y"}}, ""}};
  Report::Plot plot = plot_of({{1, 0.7}, {2, 0.5}, {3, 0.2}});
  plot.series.push_back({"two", {{1, 0.6}, {3, 0.3}}, Report::Plot::Mark::dots});
  plot.reference = 0.33;
  plot.reference_name = "before";
  report.plots = {plot, plot};
  report.plots[1].log_y = true;
  report.footer = "The end.";
  return report;
}

// What stands between each `before` and the next `after`.
std::vector<std::string> between(const std::string& text, std::string_view before, std::string_view after) {
  std::vector<std::string> found;
  for (std::size_t at = text.find(before); at != std::string::npos; at = text.find(before, at)) {
    at += before.size();
    found.push_back(text.substr(at, text.find(after, at) - at));
  }
  return found;
}

// The path of the first line in the wide drawing of the first plot.
std::string line_path(const std::string& html) {
  return between(html, "<path class=\"line c0\" d=\"", "\"").at(0);
}

// The points of a path: `M1.0 2.0L3.0 4.0h0`.
std::vector<std::pair<double, double>> points_of(std::string path) {
  std::ranges::replace_if(
      path, [](char c) { return c == 'M' || c == 'L' || c == 'h'; }, ' ');
  std::istringstream stream(path);
  std::vector<std::pair<double, double>> points;
  for (double x = 0, y = 0; stream >> x >> y;) points.emplace_back(x, y);
  return points;
}

std::size_t occurrences(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(HtmlReport, IsWellFormedAndNeedsNothingFromAnywhere) {
  const std::string html = render_html(realistic());
  EXPECT_TRUE(is_well_formed(html));
  for (const char* foreign : {"http", "//", "url(", "<script", "<link", "<img", "src=", "@import"}) {
    EXPECT_THAT(html, Not(HasSubstr(foreign)));
  }
}

TEST(HtmlReport, ServesPhonesDarknessAndScreenReaders) {
  const std::string html = render_html(realistic());
  EXPECT_THAT(html, HasSubstr("name=\"viewport\""));
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_THAT(html, HasSubstr("<html lang=\"en\">"));
  EXPECT_EQ(occurrences(html, "role=\"img\""), 4U) << "two plots, wide and narrow";
  EXPECT_EQ(occurrences(html, "<title id="), 4U);
  EXPECT_EQ(occurrences(html, "<desc id="), 4U);
  EXPECT_THAT(html, HasSubstr("loss against rows. one: from 0.700 at 1.00 to 0.200 at 3.00, 3 points."));
  // Every id is given once, and every reference to one leads somewhere.
  std::set<std::string> ids;
  for (const std::string& id : between(html, " id=\"", "\"")) EXPECT_TRUE(ids.insert(id).second) << id;
  for (const std::string& labels : between(html, "aria-labelledby=\"", "\"")) {
    std::istringstream each(labels);
    for (std::string id; each >> id;) EXPECT_TRUE(ids.contains(id)) << id;
  }
  EXPECT_EQ(ids.size(), 8U);
}

TEST(HtmlReport, EscapesEveryText) {
  const std::string evil = "<script>alert('x')</script> & \"q\" \x01";
  Report report = realistic();
  for (std::string* text : {&report.title, &report.subtitle, &report.footer}) *text = evil;
  for (ReportTable& table : report.tables) table = {evil, {evil, evil}, {{evil, evil}}, evil};
  for (Report::Plot& plot : report.plots) {
    for (std::string* text : {&plot.title, &plot.y_label, &plot.x_label, &plot.reference_name}) *text = evil;
    for (auto& series : plot.series) series.name = evil;
  }
  const std::string html = render_html(report);
  EXPECT_TRUE(is_well_formed(html));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("\x01")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;q&quot;"));
  EXPECT_EQ(escaped("größe 日本"), "größe 日本");
}

TEST(HtmlReport, SaysWhereThereIsNoData) {
  for (const std::vector<std::pair<double, double>>& points :
       {std::vector<std::pair<double, double>>{}, {{1, kNan}, {2, kNan}}, {{kNan, 1}}}) {
    for (const bool log_y : {false, true}) {
      Report report;
      report.plots = {plot_of(points)};
      report.plots[0].log_y = log_y;
      const std::string html = render_html(report);
      EXPECT_TRUE(is_well_formed(html));
      EXPECT_THAT(html, HasSubstr(">no data</text>"));
      EXPECT_THAT(html, Not(HasSubstr("nan")));
      EXPECT_THAT(html, Not(HasSubstr("inf")));
    }
  }
  Report report;
  report.plots = {Report::Plot()};
  EXPECT_TRUE(is_well_formed(render_html(report)));
  EXPECT_TRUE(is_well_formed(render_html(Report())));
}

TEST(HtmlReport, LeavesAGapWhereAPointIsMissing) {
  Report report;
  report.plots = {plot_of(
      {{0, 1}, {1, 2}, {2, kNan}, {3, 2}, {4, 1}, {5, std::numeric_limits<double>::infinity()}, {6, 1}})};
  const std::string path = line_path(render_html(report));
  EXPECT_EQ(occurrences(path, "M"), 3U) << path;
  EXPECT_EQ(occurrences(path, "L"), 2U) << path;
  EXPECT_TRUE(path.ends_with("h0")) << "a point between gaps is a dot: " << path;
  EXPECT_THAT(path, Not(HasSubstr("nan")));
}

TEST(HtmlReport, TakesWhatHasNoLogarithmForAGap) {
  Report report;
  report.plots = {plot_of({{0, 1}, {1, 0}, {2, -1}, {3, 0.1}, {4, 0.2}})};
  report.plots[0].log_y = true;
  const std::string path = line_path(render_html(report));
  EXPECT_EQ(occurrences(path, "M"), 2U) << path;
  EXPECT_EQ(occurrences(path, "L"), 1U) << path;
}

TEST(HtmlReport, DrawsASinglePointAsADotWithItsValue) {
  Report report;
  report.plots = {plot_of({{5, 0.25}})};
  const std::string html = render_html(report);
  EXPECT_TRUE(is_well_formed(html));
  EXPECT_EQ(points_of(line_path(html)).size(), 1U);
  EXPECT_TRUE(line_path(html).ends_with("h0")) << line_path(html);
  EXPECT_THAT(html, HasSubstr(">0.250</text>"));
  EXPECT_THAT(html, Not(HasSubstr("nan")));
}

TEST(HtmlReport, KeepsEveryPointInsideTheDrawing) {
  Report report;
  std::vector<std::pair<double, double>> points;
  points.reserve(500);
  for (int i = 0; i < 500; ++i) points.emplace_back(i * 1e5, std::exp(-i / 50.0) * (i % 7) + 1e-5);
  report.plots = {plot_of(points)};
  for (const bool log_y : {false, true}) {
    report.plots[0].log_y = log_y;
    const std::string path = line_path(render_html(report));
    const auto drawn = points_of(path);
    for (const auto& [x, y] : drawn) EXPECT_TRUE(x >= 0 && x <= 720 && y >= 0 && y <= 320) << x << " " << y;
    EXPECT_EQ(drawn.size(), points.size());
  }
}

TEST(HtmlReport, SurvivesNumbersOfAnySize) {
  for (const double size : {1e-320, 1e-200, 1e200, 1e308, std::numeric_limits<double>::max()}) {
    Report report;
    report.plots = {plot_of({{-size, -size}, {0, 0}, {size, size}})};
    const std::string html = render_html(report);
    EXPECT_TRUE(is_well_formed(html)) << size;
    EXPECT_THAT(line_path(html), Not(HasSubstr("nan")));
    EXPECT_THAT(line_path(html), Not(HasSubstr("inf")));
  }
}

TEST(HtmlReport, MovesEndLabelsApartSoThatEachCanBeRead) {
  Report report;
  report.plots = {plot_of({})};
  report.plots[0].series.clear();
  for (int i = 0; i < 6; ++i) {
    report.plots[0].series.push_back({"line", {{0, 1}, {1, 0.1 + i * 1e-3}}, Report::Plot::Mark::line});
  }
  const std::string html = render_html(report);
  std::vector<double> heights;
  for (const std::string& label : between(html, "<text class=\"end c", ">")) {
    heights.push_back(std::stod(between(label, " y=\"", "\"").at(0)));
  }
  ASSERT_EQ(heights.size(), 12U) << "wide and narrow";
  heights.resize(6);
  std::ranges::sort(heights);
  for (std::size_t i = 1; i < heights.size(); ++i) EXPECT_GE(heights[i] - heights[i - 1], 14.9);
}

TEST(HtmlReport, SetsColumnsOfFiguresRight) {
  Report report;
  report.tables = {
      {"", {"name", "figure", "words"}, {{"1", "−0.5", "a"}, {"2", "12.4 s", "1"}, {"3", "-", "2"}}, ""}};
  const std::string html = render_html(report);
  EXPECT_THAT(html, HasSubstr("<th scope=\"row\">1</th><td class=\"figure\">−0.5</td><td>a</td>"));
  EXPECT_THAT(html, HasSubstr("<th scope=\"col\" class=\"figure\">figure</th><th scope=\"col\">words</th>"));
}

std::optional<StateError::Kind> kind_of_writing(const std::filesystem::path& file) {
  try {
    write_report(file, realistic());
    return std::nullopt;
  } catch (const StateError& error) {
    EXPECT_EQ(error.path, file.string());
    return error.kind;
  }
}

TEST(HtmlReport, IsWrittenWholeOrNotAtAll) {
  const support::TempDir folder;
  const auto file = folder.path() / "report.html";
  std::ofstream(file) << "an older report";
  EXPECT_EQ(kind_of_writing(file), std::nullopt);
  std::ifstream stream(file);
  const std::string written(std::istreambuf_iterator<char>(stream), {});
  EXPECT_EQ(written, render_html(realistic()));
  EXPECT_EQ(kind_of_writing("/sys/kernel/report.html"), StateError::Kind::not_writable);
  EXPECT_EQ(kind_of_writing(folder.path() / "none" / "report.html"), StateError::Kind::missing);
  std::filesystem::create_directories(folder.path() / "taken" / "full");
  EXPECT_EQ(kind_of_writing(folder.path() / "taken"), StateError::Kind::io);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()),
                          std::filesystem::directory_iterator()),
            2)
      << "a temporary was left";
}

}  // namespace
}  // namespace millrace
