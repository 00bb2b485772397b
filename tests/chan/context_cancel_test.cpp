// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// context_cancel_test.cpp: tests what cancel has done when it returns, what follows it, and what does not
// wait for the callbacks.
#include "tests/support/catch.hpp"

#include <fiber/chan.hpp>
#include <fiber/context.hpp>
#include <fiber/go.hpp>
#include <fiber/latch.hpp>
#include <fiber/runtime.hpp>
#include <fiber/select.hpp>
#include <fiber/time.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

using fiber::context;
using fiber::op_status;
using namespace std::chrono_literals;

namespace {

context const background = context::background();

bool is_over(context const& ctx) {
    bool ignored = false;
    return ctx.error() && ctx.done().try_recv(ignored) == op_status::closed;
}

// Waits for alarms of each kind. Hangs if they do not fire.
void await_alarms() {
    context::with_timeout(background, 1ms).done().recv();
    fiber::after(1ms).recv();
    fiber::ticker const ticker(1ms);
    ticker.ticks().recv();
    ticker.ticks().recv();
}

struct waits_when_destroyed {
    fiber::latch *begun, *end;
    explicit waits_when_destroyed(fiber::latch& b, fiber::latch& e) : begun(&b), end(&e) {}
    waits_when_destroyed(waits_when_destroyed&& other) noexcept
        : begun(std::exchange(other.begun, nullptr)), end(other.end) {}
    ~waits_when_destroyed() {
        if (begun != nullptr) {
            begun->count_down();
            end->wait();
        }
    }
};

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int wide = 500;
#else
constexpr int wide = 5000;
#endif

} // namespace

// A wait for a fiber::latch parks. A wait for a std::latch blocks the OS thread.
// A deadline that passes early makes the constructor of the stop_callback run the callback. That is why
// another fiber constructs it: the caller, which ends the callback's wait, must not wait in it.
template <class Latch>
void check_alarms_beside_waiting_callback() {
    Latch begun(1), end(1);
    auto const slow = context::with_timeout(background, 1ms);
    auto registered = fiber::go([&] {
        Latch ended(1);
        std::stop_callback const callback(slow.stop_token(), [&] {
            begun.count_down();
            end.wait();
            ended.count_down();
        });
        ended.wait();
    });
    begun.wait();
    CHECK(is_over(slow));
    await_alarms();
    end.count_down();
    registered.join();
}

TEST_CASE("alarms fire while a stop callback of a deadline parks", "[context][time]") {
    check_alarms_beside_waiting_callback<fiber::latch>();
}

TEST_CASE("alarms fire while a stop callback of a deadline blocks its OS thread", "[context][time]") {
    check_alarms_beside_waiting_callback<std::latch>();
}

TEST_CASE("alarms fire while the value of a timed-out context is destroyed", "[context][time]") {
    fiber::latch begun(1), end(1);
    auto ctx = std::make_optional(
        context::with_timeout(context::with_value(background, waits_when_destroyed(begun, end)), 1ms));
    auto const token = ctx->stop_token();
    std::optional<std::stop_callback<std::function<void()>>> callback;
    fiber::latch set(1);
    auto registered = fiber::go([&] { // a deadline that has passed makes this fiber run the callback
        callback.emplace(token, [&] {
            set.wait();
            ctx.reset();
        });
    });
    set.count_down();
    begun.wait();
    await_alarms();
    end.count_down();
    registered.join();
}

TEST_CASE("stop callbacks find all contexts below cancelled", "[context]") {
    auto const root = context::with_cancel(background), mid = context::with_cancel(root);
    auto const leaf = context::with_timeout(mid, 1h), other = context::with_value(root, 1);
    int found = 0, called = 0;
    auto const look = [&] {
        ++called;
        found += static_cast<int>(is_over(root) + is_over(mid) + is_over(leaf) + is_over(other));
    };
    std::stop_callback const at_root(root.stop_token(), look), at_mid(mid.stop_token(), look),
        at_leaf(leaf.stop_token(), look), at_other(other.stop_token(), look);
    root.cancel();
    CHECK(called == 4);
    CHECK(found == 16);
}

TEST_CASE("cancel does not wait for the stop callbacks of another cancel", "[context]") {
    fiber::latch begun(1), end(1);
    auto const root = context::with_cancel(background), mid = context::with_cancel(root),
               leaf = context::with_cancel(mid);
    std::stop_callback const slow(mid.stop_token(), [&] {
        begun.count_down();
        end.wait();
    });
    auto first = fiber::go([&] { mid.cancel(); });
    begun.wait();
    root.cancel();
    CHECK(is_over(root));
    CHECK(is_over(mid));
    CHECK(is_over(leaf));
    mid.cancel();
    end.count_down();
    first.join();
}

// Two agents cancel at the same time, one of them the same context or an ancestor. Each finds everything
// below cancelled.
TEST_CASE("two concurrent cancels both return with all contexts below cancelled", "[context]") {
    fiber::runtime rt;
    auto const meet = [&](auto const& start, bool from_above) {
        auto const root = context::with_cancel(background), mid = context::with_cancel(root);
        std::vector<context> below;
        for (int i = 0; i < wide; ++i)
            below.push_back(i % 5 != 0 ? context::with_cancel(mid) : context::with_timeout(mid, 1h));
        std::atomic<int> missed{0};
        std::atomic<bool> both{false};
        auto const cancel = [&](context const& ctx) {
            ctx.cancel();
            missed += static_cast<int>(
                std::count_if(below.begin(), below.end(), [](auto const& c) { return !is_over(c); }));
        };
        auto other = start([&] {
            both = true;
            cancel(mid);
        });
        while (!both)
            fiber::this_fiber::yield();
        cancel(from_above ? root : mid);
        other.join();
        REQUIRE(missed == 0);
    };
    auto const in_fiber = [&](auto f) { return rt.go(std::move(f)); };
    auto const in_thread = [](auto f) { return std::jthread(std::move(f)); };
    for (int round = 0; round < 40; ++round) {
        meet(in_fiber, round % 4 == 0);
        meet(in_thread, round % 4 == 0);
        rt.run([&] { meet(in_fiber, round % 4 != 0); });
    }
}

TEST_CASE("a stop callback may cancel, derive and destroy contexts", "[context]") {
    auto root = context::with_cancel(background);
    auto leaf = std::make_optional(context::with_cancel(context::with_value(root, 1)));
    bool seen = false;
    std::stop_callback const callback(leaf->stop_token(), [&] {
        root.cancel();
        seen = is_over(context::with_cancel(*leaf));
        leaf->cancel();
        leaf.reset();
    });
    root.cancel();
    CHECK(seen);
    CHECK_FALSE(leaf);
}

TEST_CASE("the token of a temporary context is stopped with the nearest living ancestor", "[context]") {
    auto const root = context::with_cancel(background);
    auto parent = std::make_optional(context::with_cancel(root));
    std::stop_token const tokens[] = {
        context::with_value(*parent, 5).stop_token(),
        context::with_cancel(*parent).stop_token(),
        context::with_cancel(context::with_value(context::with_cancel(*parent), 5)).stop_token(),
        context::with_timeout(*parent, 1h).stop_token(),
        context::with_cancel(context::with_timeout(*parent, 1h)).stop_token(),
        parent->stop_token(),
    };
    for (auto const& token : tokens) {
        CHECK(token.stop_possible());
        CHECK_FALSE(token.stop_requested());
    }
    auto const beside = context::with_cancel(root).stop_token();
    SECTION("which is the parent") {
        parent->cancel();
        for (auto const& token : tokens)
            CHECK(token.stop_requested());
        CHECK_FALSE(beside.stop_requested());
        root.cancel();
    }
    SECTION("which is the parent's parent") {
        parent.reset();
        for (auto const& token : tokens)
            CHECK_FALSE(token.stop_requested());
        root.cancel();
    }
    for (auto const& token : tokens)
        CHECK(token.stop_requested());
    CHECK(beside.stop_requested());
}

TEST_CASE("the token of a temporary context is stopped at an ancestor's deadline", "[context]") {
    auto const parent = context::with_timeout(background, 1ms);
    for (auto const& token :
         {context::with_timeout(parent, 1h).stop_token(), context::with_value(parent, 1).stop_token(),
          context::with_timeout(context::with_cancel(background), 1ms).stop_token(),
          context::with_cancel(context::with_timeout(background, 1ms)).stop_token()})
        CHECK(fiber::select(fiber::on_stop(token, [] {}), fiber::on_timeout(1min, [] {})) == 0);
}

TEST_CASE("the token of a temporary context without ancestors is never stopped", "[context]") {
    for (auto const& token : {context::with_value(background, 1).stop_token(),
                              context::with_cancel(context::with_cancel(background)).stop_token()})
        CHECK_FALSE(token.stop_possible());
}

TEST_CASE("a token does not keep the value of its context", "[context]") {
    auto const root = context::with_cancel(background);
    auto const value = std::make_shared<int>(1);
    auto const token = context::with_value(root, value).stop_token();
    CHECK(value.use_count() == 1);
    root.cancel();
    CHECK(token.stop_requested());
}

TEST_CASE("tokens of temporary contexts race with cancels of their ancestors", "[context]") {
    fiber::runtime rt;
    for (int round = 0; round < 50; ++round) {
        auto const root = context::with_cancel(background);
        std::vector<fiber::handle> all;
        std::atomic<int> missed{0};
        for (int i = 0; i < 4; ++i)
            all.push_back(rt.go([&, i] {
                std::vector<std::stop_token> tokens;
                for (int k = 0; k < 50; ++k) {
                    auto mid = context::with_cancel(root);
                    tokens.push_back(context::with_cancel(context::with_value(mid, k)).stop_token());
                    if ((k + i) % 7 == 0)
                        mid.cancel();
                    if (k % 16 == 0)
                        fiber::this_fiber::yield();
                }
                root.done().recv();
                for (auto const& token : tokens)
                    fiber::select(fiber::on_stop(token, [] {}));
                missed += static_cast<int>(std::count_if(tokens.begin(), tokens.end(),
                                                         [](auto const& t) { return !t.stop_requested(); }));
            }));
        fiber::this_fiber::yield();
        root.cancel();
        for (auto& h : all)
            h.join();
        REQUIRE(missed == 0);
    }
}
