// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The plain work of the search, the same for every competitor.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace perf {

// Returns every regular file below dir that can be reached without following a link.
std::vector<std::filesystem::path> files_below(std::filesystem::path const& dir);

// How often the word stands in the file, without a letter, digit or underscore next to it. Returns 0 if the
// file cannot be read.
std::int64_t count_word(std::filesystem::path const& file, std::string_view word);

} // namespace perf
