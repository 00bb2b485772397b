// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// copies_test.cpp: callables and their arguments are copied and moved into a fiber as often as by std.
#include "tests/support/catch.hpp"

#include <fiber/fiber.hpp>

#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <stdexcept>
#include <thread>
#include <utility>

namespace {

// The numbers of copies and moves since the last reset.
struct made {
    int copies, moves;
    friend bool operator==(made const&, made const&) = default;
};
std::atomic<int> copies, moves, alive;
made counts() { return {copies, moves}; }

struct counted {
    counted() { ++alive; }
    counted(counted const&) { ++copies, ++alive; }
    counted(counted&&) noexcept { ++moves, ++alive; }
    ~counted() { --alive; }
};
struct callable : counted {
    template <class... Args>
    void operator()(Args&&...) const {}
};

// Returns the numbers of copies and moves that f makes of its arguments.
template <class F, class... From>
made of(F const& f, From&&... from) {
    copies = moves = 0;
    f(std::forward<From>(from)...);
    return counts();
}
template <class F, class G>
void same(F const& ours, G const& standard) {
    callable c;
    counted a;
    CHECK(of(ours, c, a) == of(standard, c, a));
    CHECK(of(ours, std::as_const(c), std::as_const(a)) == of(standard, std::as_const(c), std::as_const(a)));
    CHECK(of(ours, std::move(c), std::move(a)) == of(standard, callable(), counted()));
    CHECK(alive == 2);
}

// A callable that is too large for a fiber's record.
template <class Base>
struct large : Base {
    using Base::Base;
    std::array<char, 200> more{};
};

struct copy_only {
    explicit copy_only(int& c) : calls(c) {}
    copy_only(copy_only const&) = default;
    void operator()() const { ++calls; }
    int& calls;
};
struct never_moved {
    explicit never_moved(int& c) : calls(c) {}
    never_moved(never_moved const&) = default;
    never_moved(never_moved&&) = delete;
    void operator()() const { ++calls; }
    int& calls;
};

// Throws at the n-th copy or move.
struct throws_when_made {
    explicit throws_when_made(int n) : left(n) {}
    throws_when_made(throws_when_made const& other) : left(other.left - 1) {
        if (left == 0)
            throw std::runtime_error("copied");
        ++alive;
    }
    ~throws_when_made() { --alive; }
    void operator()() const {}
    int left;
};

template <class F>
void start_in_all_ways(F const& f, std::function<void()> const& expect_call) {
    fiber::thread(f).join();
    expect_call();
    fiber::jthread(f).join();
    expect_call();
    fiber::go(f).join();
    expect_call();
    fiber::runtime::global().go(f).join();
    expect_call();
    fiber::wait_group wait_group;
    wait_group.go(f);
    wait_group.wait();
    expect_call();
    fiber::group group;
    group.go(f);
    group.wait();
    expect_call();
    static_cast<void>(group.try_go(f));
    group.wait();
    expect_call();
    fiber::async(f).get();
    expect_call();
    fiber::async(fiber::launch::async, f).get();
    expect_call();
    fiber::async(fiber::launch::deferred, f).get();
    expect_call();
}

} // namespace

TEST_CASE("the numbers of copies and moves equal std's numbers", "[copies]") {
    alive = 0;
    auto const by_std = [](auto&&... call) { std::thread(std::forward<decltype(call)>(call)...).join(); };
    same([](auto&&... call) { fiber::thread(std::forward<decltype(call)>(call)...).join(); }, by_std);
    same([](auto&&... call) { fiber::jthread(std::forward<decltype(call)>(call)...).join(); }, by_std);
    same([](auto&&... call) { fiber::go(std::forward<decltype(call)>(call)...).join(); }, by_std);
    same(
        [](auto&&... call) {
            fiber::wait_group group;
            group.go(std::forward<decltype(call)>(call)...);
            group.wait();
        },
        by_std);
    same(
        [](auto&& f, auto&&) {
            fiber::group group;
            group.go(std::forward<decltype(f)>(f));
            group.wait();
        },
        [](auto&& f, auto&&) { std::thread(std::forward<decltype(f)>(f)).join(); });
    for (auto const policy : {std::launch::async, std::launch::deferred})
        same(
            [=](auto&&... call) {
                fiber::async(policy == std::launch::async ? fiber::launch::async : fiber::launch::deferred,
                             std::forward<decltype(call)>(call)...)
                    .get();
            },
            [=](auto&&... call) { std::async(policy, std::forward<decltype(call)>(call)...).get(); });
}

TEST_CASE("callables without a move constructor are started", "[copies]") {
    int calls = 0, expected = 0;
    auto const check = [&] { CHECK(calls == ++expected); };
    start_in_all_ways(copy_only(calls), check);
    start_in_all_ways(large<copy_only>(calls), check);
    never_moved const f(calls);
    start_in_all_ways(f, check);
    large<never_moved> const g(calls);
    start_in_all_ways(g, check);
}

TEST_CASE("an exception of a copy leaves the call, and leaks nothing", "[copies]") {
    alive = 0;
    throws_when_made const f(1);
    fiber::group group;
    group.set_limit(1);
    fiber::wait_group wait_group;
    for (int i = 0; i < 3; ++i) {
        CHECK_THROWS_WITH(fiber::thread(f), "copied");
        CHECK_THROWS_WITH(fiber::go(f), "copied");
        CHECK_THROWS_WITH(wait_group.go(f), "copied");
        CHECK_THROWS_WITH(group.go(f), "copied");
        CHECK_THROWS_WITH(group.try_go(f), "copied");
        CHECK_THROWS_WITH(fiber::async(f), "copied");
        CHECK_THROWS_WITH(fiber::async(fiber::launch::deferred, f), "copied");
    }
    CHECK(group.try_go([] {}));
    group.wait();
    wait_group.wait();
    CHECK(alive == 0);
}

TEST_CASE("the future throws if the copy of a parameter throws", "[copies]") {
    auto const takes_by_value = [](throws_when_made) {};
    throws_when_made const argument(2); // the first copy is the decayed argument
    for (auto const policy : {fiber::launch::async, fiber::launch::deferred}) {
        auto f = fiber::async(policy, takes_by_value, argument);
        CHECK_THROWS_WITH(f.get(), "copied");
    }
}

TEST_CASE("a callable is destroyed before a wait for its end returns", "[copies]") {
    struct told {
        std::atomic<bool>* gone;
        explicit told(std::atomic<bool>& g) : gone(&g) {}
        told(told&& other) noexcept : gone(std::exchange(other.gone, nullptr)) {}
        ~told() {
            if (gone != nullptr) {
                fiber::this_fiber::yield();
                *gone = true;
            }
        }
        void operator()() const {}
    };
    for (int i = 0; i < 50; ++i) {
        std::atomic<bool> gone{false};
        fiber::async(told(gone)).get();
        CHECK(gone.exchange(false));
        fiber::wait_group wait_group;
        wait_group.go(told(gone));
        wait_group.wait();
        CHECK(gone.exchange(false));
        fiber::group group;
        group.go(told(gone));
        group.wait();
        CHECK(gone);
    }
}
