// host/report/live_page.html, as the build found it.
#pragma once

#include <string_view>

namespace millrace {

extern const std::string_view kLivePageText;

}  // namespace millrace
