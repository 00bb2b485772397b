// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// env.cpp: parses numbers and sizes in environment variables, and reports invalid ones once.
#include "runtime/base/process/env.hpp"

#include "runtime/base/process/fatal.hpp"
#include "runtime/base/process/no_destructor.hpp"

#include <charconv>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace fiber::rt {
namespace {

constinit no_destructor<std::mutex> reports; // guards `reported`
constinit std::set<std::string>* reported = nullptr;

bool first_report_of(char const* name) {
    std::lock_guard const hold(reports.value);
    if (reported == nullptr)
        reported = new std::set<std::string>;
    return reported->insert(name).second;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t number = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return number;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    unsigned shift = 0;
    if (!text.empty()) {
        switch (text.back()) {
        case 'k':
        case 'K':
            shift = 10;
            break;
        case 'm':
        case 'M':
            shift = 20;
            break;
        case 'g':
        case 'G':
            shift = 30;
            break;
        default:
            break;
        }
        if (shift != 0)
            text.remove_suffix(1);
    }
    auto const number = parse_number(text);
    if (!number || *number > std::numeric_limits<std::uint64_t>::max() >> shift)
        return std::nullopt;
    return *number << shift;
}

// Returns null if the variable is unset or empty.
char const* value_of(char const* name) {
    char const* const value = std::getenv(name);
    return value != nullptr && *value != '\0' ? value : nullptr;
}

} // namespace

std::mutex& env_mutex() noexcept { return reports.value; }

std::uint64_t env_number(char const* name, std::uint64_t min, std::uint64_t max, std::uint64_t fallback) {
    char const* const value = value_of(name);
    if (value == nullptr)
        return fallback;
    auto const number = parse_number(value);
    if (number && *number >= min && *number <= max)
        return *number;
    if (first_report_of(name))
        warn("%s=%s is ignored: it must be a number from %llu to %llu; %llu is used", name, value,
             static_cast<unsigned long long>(min), static_cast<unsigned long long>(max),
             static_cast<unsigned long long>(fallback));
    return fallback;
}

std::optional<std::uint64_t> env_size(char const* name, std::uint64_t min, std::uint64_t max) {
    char const* const value = value_of(name);
    if (value == nullptr)
        return std::nullopt;
    auto const size = parse_size(value);
    if (size && *size >= min && *size <= max)
        return size;
    if (first_report_of(name))
        warn("%s=%s is ignored: it must be a size from %llu to %llu bytes, such as 65536, 64k or 8M; the "
             "default is used",
             name, value, static_cast<unsigned long long>(min), static_cast<unsigned long long>(max));
    return std::nullopt;
}

} // namespace fiber::rt
