// The page that a running trainer serves: one HTML file that needs nothing else and polls /status.json.
#pragma once

#include <string>

namespace millrace {

[[nodiscard]] const std::string& live_page();

}  // namespace millrace
