// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// expect.hpp: checks for concurrent fibers and threads, which may not use the macros of Catch2.
//   tests::expect expect;                      // in the test's own flow, before the agents start
//   fiber::go([&] { expect(n == 1, "n"); });   // in any number of agents
// The destructor reports the first failure. It must run after the last agent has ended.
#pragma once

#include "tests/support/catch.hpp"

#include <atomic>
#include <string>
#include <string_view>

namespace tests {

class expect {
public:
    expect() = default;
    expect(expect const&) = delete;
    expect& operator=(expect const&) = delete;

    ~expect() {
        if (auto const count = failures(); count != 0)
            FAIL_CHECK(first_ << (count == 1 ? "" : ", and " + std::to_string(count - 1) + " more failures"));
        else
            SUCCEED();
    }

    // Returns true if the condition holds, so that an agent can return early.
    bool operator()(bool held, std::string_view what = "expectation", char const* file = __builtin_FILE(),
                    int line = __builtin_LINE()) {
        // relaxed: first_ is read after all agents have been joined
        if (!held && failures_.fetch_add(1, std::memory_order_relaxed) == 0)
            first_.append(file)
                .append(":")
                .append(std::to_string(line))
                .append(": does not hold: ")
                .append(what);
        return held;
    }

    [[nodiscard]] int failures() const noexcept { return failures_.load(std::memory_order_relaxed); }

private:
    std::atomic<int> failures_{0};
    std::string first_; // written by the agent that has raised failures_ from 0
};

} // namespace tests
