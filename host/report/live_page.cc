#include "report/live_page.h"

#include <stdexcept>
#include <string_view>

#include "report/live_page_text.h"
#include "report/page_style.h"

namespace millrace {
namespace {

std::string with_style(std::string page) {
  constexpr std::string_view kMark = "/*PAGE_STYLE*/";
  const std::size_t mark = page.find(kMark);
  if (mark == std::string::npos) throw std::logic_error("the live page has no place for the style");
  return page.replace(mark, kMark.size(), kPageStyle);
}

}  // namespace

const std::string& live_page() {
  static const std::string page = with_style(std::string(kLivePageText));
  return page;
}

}  // namespace millrace
