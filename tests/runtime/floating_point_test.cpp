// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// floating_point_test.cpp: Floating-point control modes of new fibers.

#include "tests/support/catch.hpp"
#include "tests/support/control_modes.hpp"
#include "tests/support/leaks.hpp"
#include "tests/support/procs.hpp"

#include <fiber/go.hpp>
#include <fiber/runtime.hpp>
#include <fiber/stack.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using tests::control_modes;
using tests::with_modes;

namespace {

constexpr control_modes unusual = control_modes::unusual();
constexpr control_modes defaults = control_modes::defaults();

// Starts fibers in every way. Returns how many of them start with other modes than the wanted ones.
int started_with_others(control_modes const& wanted) {
    std::atomic<int> others{0};
    auto const look = [&] { others += !(control_modes::of_caller() == wanted); };
    fiber::go(look).join();
    fiber::go({.name = "named"}, look).join();
    fiber::go({.stack_size = std::size_t{1} << 20}, look).join();
    fiber::go([&look, large = std::array<int, 100>{}] { static_cast<void>(large), look(); }).join();
    fiber::thread(look).join();
    fiber::jthread(look).join();
    fiber::run(look);
    // Some run one after the other on one stack, the others wait and have a stack each.
    std::vector<fiber::handle> all;
    for (int i = 0; i < 40; ++i)
        all.push_back(fiber::go([&, parks = i % 2 == 0] {
            look();
            if (parks)
                fiber::this_fiber::sleep_for(100us);
            look(); // may run on another OS thread
            fiber::this_fiber::yield();
            look();
            fiber::go(look).join(); // The new fiber inherits its modes from a fiber that inherited them.
            fiber::with_stack(std::size_t{1} << 20, look);
            fiber::blocking(look);
            look();
        }));
    for (auto& h : all)
        h.join();
    return others;
}

} // namespace

TEST_CASE("a fiber starts with the floating-point modes of the starting OS thread", "[go]") {
    tests::no_leaks const no_leaks;
    CHECK(started_with_others(defaults) == 0);
    int others = -1;
    {
        with_modes const meanwhile(unusual);
        others = started_with_others(unusual);
        others += !(control_modes::of_caller() == unusual);
    }
    CHECK(others == 0);
    CHECK(started_with_others(defaults) == 0);
}

TEST_CASE("a fiber starts with the floating-point modes of the starting fiber", "[go]") {
    tests::on_processors([] {
        int others = -1;
        fiber::go([&] {
            with_modes const meanwhile(unusual);
            others = started_with_others(unusual);
        }).join();
        CHECK(others == 0);
        CHECK(started_with_others(defaults) == 0); // from a fiber with the default modes
    });
}

TEST_CASE("unusual floating-point modes of an ended fiber do not reach later fibers", "[go]") {
    tests::on_processors([] {
        std::atomic<int> others{0};
        for (int round = 0; round < 20; ++round) {
            std::vector<fiber::handle> all;
            for (int i = 0; i < 40; ++i) {
                // Alternates fibers that inherit unusual modes, fibers that set them, and fibers
                // that must have the defaults.
                if (i % 4 == 0) {
                    with_modes const meanwhile(unusual);
                    all.push_back(fiber::go([&, parks = i % 8 == 0] {
                        if (parks)
                            fiber::this_fiber::yield();
                        others += !(control_modes::of_caller() == unusual);
                    }));
                } else if (i % 4 == 2) {
                    all.push_back(fiber::go([] { unusual.load(); }));
                } else {
                    all.push_back(fiber::go([&] { others += !(control_modes::of_caller() == defaults); }));
                }
            }
            for (auto& h : all)
                h.join();
        }
        CHECK(others == 0);
    });
}

TEST_CASE("a fiber inherits each rounding mode of its creator", "[go]") {
    std::string wrong;
    fiber::run([&] {
        constexpr std::array roundings{FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
        for (int const rounding : roundings) {
            int seen = -1;
            std::fesetround(rounding);
            fiber::handle h = fiber::go([&] { seen = std::fegetround(); });
            std::fesetround(FE_TONEAREST);
            h.join();
            if (seen != rounding)
                wrong += std::to_string(rounding) + " ";
        }
    });
    CHECK(wrong == "");
}

TEST_CASE("a failed start with unusual floating-point modes leaks nothing", "[go]") {
    struct throws_when_copied {
        throws_when_copied() = default;
        throws_when_copied(throws_when_copied const&) { throw std::runtime_error("copied"); }
        void operator()() const {}
    } const f;
    tests::no_leaks const no_leaks;
    with_modes const meanwhile(unusual);
    for (int i = 0; i < 3; ++i)
        CHECK_THROWS_AS(fiber::go(f), std::runtime_error);
    CHECK(fiber::run([] { return control_modes::of_caller(); }) == unusual);
}

#if defined(__x86_64__)
TEST_CASE("raised x87 flags of a fiber do not trap in a later fiber with unmasked traps", "[go]") {
    fiber::runtime one({.processors = 1});
    double quotient = 0;
    one.run([&] {
        auto const divide = [] {
            long double volatile zero = 0, infinite;
            infinite = 1 / zero; // divides by the x87 unit
            static_cast<void>(infinite);
        };
        fiber::go(divide).join();
        fiber::handle next;
        {
            with_modes const meanwhile(unusual); // makes a division by zero trap
            next = fiber::go([&] {
                long double volatile six = 6;
                quotient = static_cast<double>(six / 2);
            });
        }
        next.join();
    });
    CHECK(quotient == 3);
}
#endif
