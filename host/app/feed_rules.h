// From the options of `millrace produce` to the rules of its rows.
#pragma once

#include "app/record_feed.h"
#include "config/options.h"

namespace millrace {

// Throws OptionError where the options contradict each other.
[[nodiscard]] FeedRules feed_rules(const OptionValues& options);

}  // namespace millrace
