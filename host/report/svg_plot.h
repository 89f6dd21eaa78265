// One plot as a figure of HTML: a heading, a legend, and the drawing as inline SVG.
//
// It is drawn twice, for a page and for a phone, and the page's style shows the one that fits: text in a
// drawing that is scaled down to a phone could not be read.
#pragma once

#include <cstddef>
#include <string>

#include "report/html_report.h"

namespace millrace {

// `number` counts the page's figures from 1; it makes identifiers unique.
[[nodiscard]] std::string render_figure(const Report::Plot& plot, std::size_t number);

}  // namespace millrace
