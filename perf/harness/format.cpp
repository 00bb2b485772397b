// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/harness/format.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace perf {

std::string fixed(double n, int digits) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.*f", digits, n);
    return text.data();
}

std::string grouped(std::int64_t n) {
    auto const digits = std::to_string(n);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && (digits.size() - i) % 3 == 0 && digits[i - 1] != '-')
            text += ',';
        text += digits[i];
    }
    return text;
}

std::string short_number(double n) {
    if (std::abs(n) < 9.995)
        return fixed(n, 2);
    if (std::abs(n) < 99.95)
        return fixed(n, 1);
    return grouped(std::llround(n));
}

std::string in_unit(double value, unit const& u) {
    return short_number(value / u.size) + " " + std::string(u.name);
}

std::string times(double ratio) {
    if (ratio < 0.995)
        return fixed(ratio, 2) + "x";
    if (ratio < 9.95)
        return fixed(ratio, 1) + "x";
    return grouped(std::llround(ratio)) + "x";
}

unit time_unit(double min_ns) {
    if (min_ns < 1e4)
        return {"ns", 1};
    if (min_ns < 1e7)
        return {"µs", 1e3};
    return {"ms", 1e6};
}

std::size_t width(std::string_view utf8) {
    return static_cast<std::size_t>(
        std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string padded_left(std::string_view text, std::size_t columns) {
    return std::string(columns - std::min(columns, width(text)), ' ') + std::string(text);
}

std::string padded_right(std::string_view text, std::size_t columns) {
    return std::string(text) + std::string(columns - std::min(columns, width(text)), ' ');
}

std::string with_number(std::string_view title, std::int64_t n) {
    std::string text(title);
    if (auto const at = text.find("{}"); at != text.npos)
        text.replace(at, 2, grouped(n));
    return text;
}

std::string aligned(std::vector<std::vector<std::string>> const& lines) {
    std::vector<std::size_t> columns;
    for (auto const& line : lines) {
        columns.resize(std::max(columns.size(), line.size()));
        for (std::size_t i = 0; i < line.size(); ++i)
            columns[i] = std::max(columns[i], width(line[i]));
    }
    std::string text;
    for (auto const& line : lines) {
        for (std::size_t i = 0; i < line.size(); ++i)
            text += i == 0 ? padded_right(line[i], columns[i]) : "   " + padded_left(line[i], columns[i]);
        text += '\n';
    }
    return text;
}

} // namespace perf
