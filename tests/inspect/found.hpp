// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// found.hpp: looks for one fiber in the list of a runtime.
#pragma once

#include "tests/support/catch.hpp"

#include <fiber/inspect.hpp>

#include <chrono>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>

namespace tests {

// Tries until the condition holds. Returns false after some seconds.
template <class Condition>
bool eventually(Condition holds) {
    using namespace std::chrono_literals;
    for (auto const until = std::chrono::steady_clock::now() + 20s; !holds();) {
        if (std::chrono::steady_clock::now() > until)
            return false;
        std::this_thread::sleep_for(1ms);
    }
    return true;
}

inline std::optional<fiber::fiber_info> fiber_named(fiber::runtime const& r, std::string_view name,
                                                    fiber::dump_options options = {}) {
    for (auto& f : r.fibers(options))
        if (f.name == name)
            return f;
    return std::nullopt;
}

inline fiber::fiber_info wait_until_parked(fiber::runtime const& r, std::string_view name) {
    std::optional<fiber::fiber_info> found;
    REQUIRE(eventually([&] {
        found = fiber_named(r, name);
        return found && found->state == "parked";
    }));
    return *found;
}

inline std::string number_of(fiber::id i) {
    std::ostringstream text;
    text << i;
    return text.str();
}

} // namespace tests
