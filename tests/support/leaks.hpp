// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// leaks.hpp: checks that no fiber outlives the case that has started it.
//   tests::no_leaks no_leaks;   // first line of the case, in an OS thread; or no_leaks(runtime)
// A joined fiber may still run its last instructions. The check runs fibers until it has ended, without
// sleeps.
#pragma once

#include "tests/support/catch.hpp"

#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <chrono>

namespace tests {

class no_leaks {
public:
    explicit no_leaks(fiber::runtime& runtime = fiber::runtime::global()) : runtime_(runtime) {}
    no_leaks(no_leaks const&) = delete;
    no_leaks& operator=(no_leaks const&) = delete;

    ~no_leaks() {
        auto const give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (runtime_.stats().fibers_live != 0 && std::chrono::steady_clock::now() < give_up)
            runtime_.run([] { fiber::this_fiber::yield(); });
        CHECK(runtime_.stats().fibers_live == 0);
    }

private:
    fiber::runtime& runtime_;
};

} // namespace tests
