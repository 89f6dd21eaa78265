// The name that somebody probably meant.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace millrace {

// How many single-letter insertions, deletions, replacements and swaps of neighbours turn one text into the
// other, no letter being touched twice: Damerau (1964), "A technique for computer detection and correction of
// spelling errors", in the form known as optimal string alignment. Letter case does not count.
[[nodiscard]] std::size_t spelling_distance(std::string_view first, std::string_view second);

// The first of the nearest candidates, or empty if none is near enough to be worth suggesting. A prefix that
// all of them begin with ("--", "MILLRACE_") says nothing about nearness.
[[nodiscard]] std::string nearest_name(std::string_view name, std::span<const std::string> candidates,
                                       std::string_view prefix = {});

}  // namespace millrace
