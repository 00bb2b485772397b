// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Formats numbers and tables for people.
#pragma once

#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace perf {

struct unit {
    std::string_view name;
    double size;
};

// Returns all parts one after another, as << writes them.
template <class... Parts>
std::string joined(Parts const&... parts) {
    std::ostringstream text;
    (text << ... << parts);
    return text.str();
}

std::string fixed(double n, int digits);        // 1.15
std::string grouped(std::int64_t n);            // 29,491
std::string short_number(double n);             // 29,491  46.6  4.66
std::string in_unit(double value, unit const&); // 466 ns
std::string times(double ratio);                // 52x  2.7x  0.83x

// Returns the unit in which the smallest value of a row still has two digits or more.
unit time_unit(double least_ns);

std::size_t width(std::string_view utf8); // in columns
std::string padded_left(std::string_view text, std::size_t columns);
std::string padded_right(std::string_view text, std::size_t columns);

// Returns the title with its {} replaced by the number.
std::string with_number(std::string_view title, std::int64_t n);

// Lays out a table with a text per cell: the first column to the left, all others to the right.
std::string aligned(std::vector<std::vector<std::string>> const& lines);

} // namespace perf
