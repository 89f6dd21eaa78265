#include "bench/overlap_stage.h"

#include <fmt/format.h>
#include <limits>

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const OverlapReport::Span& span) {
  return {{"begin_ms", finite_or_null(span.begin_ms)}, {"end_ms", finite_or_null(span.end_ms)}};
}

std::string text(double ms) { return fmt::format("{:.3f}", ms); }

}  // namespace

BenchReport overlap_report(const OverlapReport& measured) {
  BenchReport report{.stage = "overlap", .subject = measured.engine};
  report.table = {{"window", "copy begins", "ends", "computing begins", "ends"}};
  Json windows = Json::array();
  for (const OverlapReport::Window& window : measured.windows) {
    report.table.push_back({fmt::format("{}", windows.size()), text(window.copy.begin_ms),
                            text(window.copy.end_ms), text(window.compute.begin_ms),
                            text(window.compute.end_ms)});
    windows.push_back({{"copy", json_of(window.copy)}, {"compute", json_of(window.compute)}});
  }
  // One window hides nothing and has nothing to hide: no share.
  const double share = measured.copy_ms > 0 ? measured.hidden_copy_ms / measured.copy_ms
                                            : std::numeric_limits<double>::quiet_NaN();
  report.figures = {{"engine", measured.engine},
                    {"copy_ms", finite_or_null(measured.copy_ms)},
                    {"hidden_copy_ms", finite_or_null(measured.hidden_copy_ms)},
                    {"hidden_share", finite_or_null(share)},
                    {"windows", std::move(windows)}};
  report.notes = {"Milliseconds on the device's clock since the first copy began."};
  if (measured.copy_ms > 0) {
    report.notes.push_back(
        fmt::format("Hidden behind computing: {:.1f} % of the copy time after the first copy.", 100 * share));
  }
  return report;
}

}  // namespace millrace
