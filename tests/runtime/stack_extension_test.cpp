// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_extension_test.cpp: fiber::with_stack on reserved stacks.

#include "tests/support/address_space.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/leaks.hpp"
#include "tests/support/procs.hpp"

#include <fiber/fiber.hpp>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kib = 1024;
constexpr std::size_t gib = kib * kib * kib;

// Recurses deeper than any default stack allows. Each call asks for the stack of the next one.
[[gnu::noinline]] std::size_t sum_down(std::size_t n) {
    char volatile frame[400] = {};
    if (n == 0)
        return static_cast<std::size_t>(frame[0]);
    return n + fiber::with_stack(16 * kib, [n] { return sum_down(n - 1); }) +
           static_cast<std::size_t>(frame[1]);
}

void in_fiber_and_thread(auto const& body) {
    SECTION("in a fiber") {
        tests::no_leaks const no_leaks;
        fiber::run(body);
    }
    SECTION("in an OS thread") {
        std::exception_ptr failure;
        std::thread([&] {
            try {
                body();
            } catch (...) {
                failure = std::current_exception();
            }
        }).join();
        if (failure)
            std::rethrow_exception(failure);
    }
}

} // namespace

TEST_CASE("with_stack stays on the current stack while there is enough room", "[stack_extension]") {
    in_fiber_and_thread([] {
        int here = 0;
        auto const distance = fiber::with_stack(kib, [&here] {
            int there = 0;
            return reinterpret_cast<char*>(&here) - reinterpret_cast<char*>(&there);
        });
        CHECK(distance < 64 * 1024);
        CHECK(distance > -64 * 1024);
    });
}

TEST_CASE("with_stack provides the requested bytes, then returns to the previous stack",
          "[stack_extension]") {
    in_fiber_and_thread([] {
        auto const before = fiber::this_fiber::stack_remaining();
        for (std::size_t const bytes : {300 * kib, 1000 * kib, 100'000 * kib}) {
            auto const asked = before + bytes;
            CHECK(fiber::with_stack(asked, [] { return fiber::this_fiber::stack_remaining(); }) >=
                  asked - kib);
        }
        auto const after = fiber::this_fiber::stack_remaining();
        CHECK(after + kib > before);
        CHECK(before + kib > after);
    });
}

TEST_CASE("with_stack returns values, references and nothing", "[stack_extension]") {
    in_fiber_and_thread([] {
        auto const more = fiber::this_fiber::stack_remaining() + 1;
        CHECK(*fiber::with_stack(more, [] { return std::make_unique<int>(7); }) == 7);
        std::string text = "text";
        std::string& same = fiber::with_stack(more, [&]() -> std::string& { return text; });
        CHECK(&same == &text);
        std::string const moved = fiber::with_stack(more, [&]() -> std::string&& { return std::move(text); });
        CHECK(moved == "text");
        bool called = false;
        fiber::with_stack(more, [&] { called = true; });
        CHECK(called);
    });
}

TEST_CASE("an exception passes through with_stack and destroys each object on the way", "[stack_extension]") {
    in_fiber_and_thread([] {
        auto const guard = std::make_shared<int>(1);
        auto const more = fiber::this_fiber::stack_remaining() + 1;
        for (int i = 0; i < 3; ++i) {
            try {
                fiber::with_stack(more, [&] {
                    auto const copy = guard;
                    fiber::with_stack(2 * more, [&]() -> void {
                        auto const another = guard;
                        throw std::runtime_error("from far down");
                    });
                });
                FAIL("not thrown");
            } catch (std::runtime_error const& e) {
                CHECK(std::string(e.what()) == "from far down");
            }
            CHECK(guard.use_count() == 1);
            CHECK(std::uncaught_exceptions() == 0);
            CHECK(fiber::this_fiber::stack_remaining() < more);
        }
    });
}

TEST_CASE("recursion through with_stack goes far beyond one stack", "[stack_extension]") {
    in_fiber_and_thread([] {
        constexpr std::size_t depth = 20'000; // about 10 MiB
        CHECK(sum_down(depth) == depth * (depth + 1) / 2);
    });
}

TEST_CASE("fibers park and change threads on stack extensions", "[stack_extension]") {
    tests::expect expect;
    tests::on_processors([&] {
        fiber::wait_group group;
        for (int i = 0; i < 50; ++i)
            group.go([&expect] {
                auto const more = fiber::this_fiber::stack_remaining() + 1;
                for (int n = 0; n < 20; ++n) {
                    try {
                        fiber::with_stack(more, [&] {
                            fiber::this_fiber::yield();
                            expect(fiber::this_fiber::stack_remaining() > more / 2, "still there");
                            fiber::with_stack(2 * more, [&] {
                                fiber::this_fiber::sleep_for(std::chrono::microseconds(50));
                                throw n;
                            });
                        });
                    } catch (int caught) {
                        expect(caught == n, "its own exception");
                    }
                    fiber::this_fiber::yield();
                }
            });
        group.wait();
    });
}

TEST_CASE("with_stack throws for an invalid size and does not call the function", "[stack_extension]") {
    in_fiber_and_thread([] {
        bool called = false;
        for (std::size_t const bytes : {~std::size_t{0}, 32 * gib + 1, 64 * gib - 1, 64 * gib, 65 * gib}) {
            try {
                fiber::with_stack(bytes, [&] { called = true; });
                FAIL("with_stack has accepted " << bytes);
            } catch (std::invalid_argument const& e) {
                std::string const text = e.what();
                CAPTURE(text);
                CHECK(text.find("with_stack is asked for " + std::to_string(bytes) + " bytes") !=
                      std::string::npos);
                CHECK(text.find(std::to_string(32 * gib)) != std::string::npos);
            }
        }
        CHECK_FALSE(called);
        CHECK(fiber::this_fiber::stack_remaining() > kib);
    });
}

TEST_CASE("with_stack names its bytes if the address space is exhausted", "[stack_extension]") {
    in_fiber_and_thread([] {
        tests::address_space_left const end(2 * gib);
        constexpr std::size_t bytes = 31 * gib + 7;
        // Fibers first take all that idle stacks of other tests can give up.
        fiber::counting_semaphore<> took{0};
        fiber::latch may_end{1};
        std::atomic<bool> exhausted{false};
        std::vector<fiber::handle> holders;
        while (!exhausted) {
            holders.push_back(fiber::go([&] {
                try {
                    fiber::with_stack(bytes, [&] {
                        took.release();
                        may_end.wait();
                    });
                } catch (std::system_error const&) {
                    exhausted = true;
                    took.release();
                }
            }));
            took.acquire();
        }
        bool called = false;
        try {
            fiber::with_stack(bytes, [&] { called = true; });
        } catch (std::system_error const& e) {
            CHECK(e.code() == std::errc::resource_unavailable_try_again);
            std::string const text = e.what();
            CAPTURE(text);
            CHECK(text.find("with_stack(" + std::to_string(bytes)) != std::string::npos);
        }
        may_end.count_down();
        for (fiber::handle& h : holders)
            h.join();
        CHECK_FALSE(called);
    });
}
