// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/base/env.hpp"

#include "runtime/base/fatal.hpp"
#include "runtime/base/immortal.hpp"

#include <charconv>
#include <cstdlib>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

namespace fiber::rt {
namespace {

constinit immortal<std::mutex> reports; // guards the next
constinit std::set<std::string>* reported = nullptr;

bool first_report_of(char const* name) {
    std::lock_guard const hold(reports.value);
    if (reported == nullptr)
        reported = new std::set<std::string>;
    return reported->insert(name).second;
}

} // namespace

std::mutex& env_mutex() noexcept { return reports.value; }

std::uint64_t env_number(char const* name, std::uint64_t least, std::uint64_t most, std::uint64_t fallback) {
    char const* const value = std::getenv(name);
    if (value == nullptr || *value == '\0')
        return fallback;
    std::string_view const text = value;
    std::uint64_t number = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size() && number >= least && number <= most)
        return number;
    if (first_report_of(name))
        warn("%s=%s is ignored: it must be a number from %llu to %llu; %llu is used", name, value,
             static_cast<unsigned long long>(least), static_cast<unsigned long long>(most),
             static_cast<unsigned long long>(fallback));
    return fallback;
}

} // namespace fiber::rt
