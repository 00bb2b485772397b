// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// context_test.cpp: tests that a cancel reaches all contexts below, and that nothing leaks.
#include "tests/chan/parked.hpp"
#include "tests/support/catch.hpp"

#include <fiber/chan.hpp>
#include <fiber/context.hpp>
#include <fiber/go.hpp>
#include <fiber/runtime.hpp>
#include <fiber/select.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using fiber::context;
using fiber::op_status;
using namespace std::chrono_literals;

namespace {

context const background = context::background();

std::error_code const canceled = std::make_error_code(std::errc::operation_canceled);
std::error_code const timed_out = std::make_error_code(std::errc::timed_out);

bool is_done(context const& ctx) {
    bool ignored = false;
    return ctx.done().try_recv(ignored) == op_status::closed;
}

// Returns true if all observers of the context report the same state.
bool is(context const& ctx, std::error_code error) {
    bool const over = static_cast<bool>(error);
    return ctx.error() == error && ctx.cancelled() == over && is_done(ctx) == over &&
           ctx.stop_token().stop_requested() == over;
}

struct counted {
    static inline std::atomic<int> alive{0};
    counted() { ++alive; }
    counted(counted&&) noexcept { ++alive; }
    ~counted() { --alive; }
};

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int many = 10'000;
#else
constexpr int many = 100'000;
#endif

} // namespace

TEST_CASE("the background is never cancelled", "[context]") {
    background.cancel();
    CHECK_FALSE(background.cancelled());
    CHECK_FALSE(background.error());
    CHECK_FALSE(background.done());
    CHECK_FALSE(background.stop_token().stop_possible());
    CHECK_FALSE(background.deadline());
    CHECK(background.value<int>() == nullptr);
    CHECK(background == context::background());
}

TEST_CASE("cancel reaches all contexts below, and none above or beside", "[context]") {
    auto const root = context::with_cancel(background);
    auto const left = context::with_cancel(root), right = context::with_value(root, 1);
    auto const leaf = context::with_timeout(left, 1h);
    for (auto const& ctx : {root, left, right, leaf})
        CHECK(is(ctx, {}));
    left.cancel();
    CHECK(is(left, canceled));
    CHECK(is(leaf, canceled));
    CHECK(is(right, {}));
    CHECK(is(root, {}));
    left.cancel();
    root.cancel();
    CHECK(is(root, canceled));
    CHECK(is(right, canceled));
    CHECK(is(context::with_cancel(leaf), canceled));
    CHECK(is(context::with_timeout(root, 1h), canceled));
}

TEST_CASE("a deadline cancels a context and all contexts below", "[context]") {
    auto const parent = context::with_timeout(background, 3ms);
    auto const child = context::with_timeout(parent, 1h);
    auto const other = context::with_cancel(background);
    CHECK(parent.deadline() == child.deadline());
    child.done().recv();
    CHECK(std::chrono::steady_clock::now() >= parent.deadline().value());
    CHECK(is(parent, timed_out));
    CHECK(is(child, timed_out));
    CHECK(is(other, {}));
    CHECK(is(context::with_cancel(parent), timed_out));
}

TEST_CASE("a child may have an earlier deadline than its parent", "[context]") {
    auto const parent = context::with_timeout(background, 1h);
    auto const child = context::with_deadline(parent, std::chrono::system_clock::now() + 2ms);
    CHECK(child.deadline() < parent.deadline());
    child.done().recv();
    CHECK(is(child, timed_out));
    CHECK(is(parent, {}));
    CHECK(is(context::with_deadline(parent, std::chrono::steady_clock::now() - 1s), timed_out));
    CHECK(is(context::with_timeout(parent, 0s), timed_out));
}

TEST_CASE("a cancelled context keeps its first error", "[context]") {
    for (auto const limit : {std::chrono::nanoseconds(1h), std::chrono::nanoseconds(1ms)}) {
        auto const ctx = context::with_timeout(background, limit);
        ctx.cancel();
        auto const first = ctx.error(); // a slow machine may reach the deadline of 1 ms before the cancel
        if (limit == 1h)
            CHECK(first == canceled);
        else
            context::with_deadline(background, ctx.deadline().value()).done().recv();
        CHECK(is(ctx, first));
    }
}

TEST_CASE("values are found by their types, the nearest first", "[context]") {
    auto const a = context::with_value(background, std::string("outer"));
    auto const b = context::with_value(context::with_cancel(a), 7);
    auto const c = context::with_value(b, std::string("inner"));
    CHECK(*a.value<std::string>() == "outer");
    CHECK(*b.value<std::string>() == "outer");
    CHECK(*c.value<std::string>() == "inner");
    CHECK(*c.value<int>() == 7);
    CHECK(a.value<int>() == nullptr);
    CHECK(c.value<long>() == nullptr);
    auto const pointer = context::with_value(c, std::make_unique<int>(3));
    CHECK(**pointer.value<std::unique_ptr<int>>() == 3);
}

TEST_CASE("a value is destroyed with the last context that finds it", "[context]") {
    {
        auto leaf = context::with_cancel(context::with_value(background, counted()));
        CHECK(counted::alive == 1);
        auto const done = leaf.done();
        leaf = background;
        CHECK(counted::alive == 1); // a done channel keeps the context
    }
    CHECK(counted::alive == 0);
}

TEST_CASE("a done channel outlives the handles, and is closed", "[context]") {
    auto const parent = context::with_cancel(background);
    auto const done = context::with_cancel(context::with_cancel(parent)).done();
    auto const late = context::with_timeout(background, 1ms).done();
    CHECK_FALSE(done.closed());
    parent.cancel();
    CHECK(done.closed());
    CHECK_FALSE(late.recv());
}

TEST_CASE("a stop token needs no handle if the context has a deadline", "[context]") {
    auto const token = context::with_timeout(background, 1ms).stop_token();
    fiber::select(fiber::on_stop(token, [] {}));
    CHECK(token.stop_requested());
}

TEST_CASE("stop callbacks run on cancellation, and find the error", "[context]") {
    auto const parent = context::with_cancel(background);
    auto const ctx = context::with_cancel(parent);
    std::error_code seen;
    std::stop_callback const callback(ctx.stop_token(), [&] { seen = ctx.error(); });
    CHECK(ctx.stop_token() == ctx.stop_token());
    parent.cancel();
    CHECK(seen == canceled);
}

TEST_CASE("a stop request cancels its linked context", "[context]") {
    std::stop_source source;
    auto const ctx = context::with_stop_token(background, source.get_token());
    auto const child = context::with_cancel(ctx);
    CHECK(is(child, {}));
    source.request_stop();
    CHECK(is(ctx, canceled));
    CHECK(is(child, canceled));
    CHECK(is(context::with_stop_token(background, source.get_token()), canceled));
    CHECK(is(context::with_stop_token(ctx, {}), canceled));
}

TEST_CASE("a callback may destroy the context that is linked to its token", "[context]") {
    std::stop_source source;
    auto ctx = std::make_optional(context::with_stop_token(background, source.get_token()));
    std::optional<std::stop_callback<std::function<void()>>> callback;
    callback.emplace(ctx->stop_token(), [&] { ctx.reset(); });
    source.request_stop();
    CHECK_FALSE(ctx);
}

TEST_CASE("cancel wakes all waiting fibers and OS threads", "[context]") {
    fiber::runtime rt;
    auto const root = context::with_cancel(background);
    std::atomic<int> ended{0};
    auto const wait = [&](context const& ctx) {
        fiber::chan<int> const never;
        fiber::select(fiber::on_recv(never, [](auto) {}), fiber::on_recv(ctx.done(), [&](auto) { ++ended; }));
    };
    std::vector<fiber::handle> all;
    for (int i = 0; i < 100; ++i)
        all.push_back(rt.go([&, ctx = context::with_timeout(root, 1h)] { wait(ctx); }));
    std::jthread thread([&] { wait(root); });
    await_parked(rt, 100);
    root.cancel();
    for (auto& h : all)
        h.join();
    thread.join();
    CHECK(ended == 101);
}

TEST_CASE("cancel reaches every context of a wide tree", "[context]") {
    auto const root = context::with_cancel(background);
    std::vector<context> all;
    for (int i = 0; i < many; ++i)
        all.push_back(context::with_timeout(all.empty() || i % 3 != 0 ? root : all.back(), 1h));
    root.cancel();
    CHECK(std::all_of(all.begin(), all.end(), [](auto const& ctx) { return ctx.error() == canceled; }));
}

// Runs on the stack of a fiber.
TEST_CASE("a deep tree is made, cancelled and destroyed without recursion", "[context]") {
    fiber::runtime rt({.stack_size = 64 * 1024});
    for (bool const cancel : {true, false})
        rt.run([cancel] {
            auto const root = context::with_cancel(background);
            {
                auto leaf = context::with_value(root, counted());
                for (int i = 0; i < many; ++i)
                    leaf = context::with_cancel(leaf);
                if (cancel)
                    root.cancel();
                CHECK(leaf.cancelled() == cancel);
                CHECK(leaf.value<counted>() != nullptr);
            }
            CHECK(counted::alive == 0);
        });
}

TEST_CASE("contexts are derived, cancelled and destroyed concurrently", "[context]") {
    fiber::runtime rt;
    for (int round = 0; round < 20; ++round) {
        auto const root = context::with_cancel(background);
        std::stop_source source;
        std::atomic<int> missed{0};
        std::vector<fiber::handle> all;
        for (unsigned i = 0; i < 8; ++i)
            all.push_back(rt.go([&, i] {
                std::mt19937 random(i);
                std::vector<context> mine{root};
                for (int k = 0; k < 200; ++k) {
                    auto const& parent = mine[random() % mine.size()];
                    switch (random() % 8) {
                    case 0:
                        mine.push_back(
                            context::with_timeout(parent, std::chrono::microseconds(random() % 200)));
                        break;
                    case 1:
                        mine.push_back(context::with_stop_token(parent, source.get_token()));
                        break;
                    case 2:
                        if (parent != root)
                            parent.cancel();
                        break;
                    case 3:
                        static_cast<void>(parent.stop_token());
                        break;
                    case 4:
                        if (mine.size() > 4)
                            mine.erase(mine.begin() + 1 + static_cast<std::ptrdiff_t>(random() % 3));
                        break;
                    default:
                        mine.push_back(context::with_cancel(parent));
                    }
                    if (random() % 16 == 0)
                        fiber::this_fiber::yield();
                }
                for (auto const& ctx : mine) {
                    ctx.done().recv();
                    missed += ctx.cancelled() ? 0 : 1;
                }
            }));
        fiber::this_fiber::sleep_for(1ms);
        source.request_stop();
        root.cancel();
        for (auto& h : all)
            h.join();
        REQUIRE(missed == 0);
    }
}
