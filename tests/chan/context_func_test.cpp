// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// context_func_test.cpp: tests after_func, causes, and without_cancel, with the cases of Go's tests.
#include "tests/support/catch.hpp"

#include <fiber/chan.hpp>
#include <fiber/context.hpp>
#include <fiber/go.hpp>
#include <fiber/latch.hpp>
#include <fiber/mutex.hpp>
#include <fiber/runtime.hpp>
#include <fiber/select.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using fiber::context;
using namespace std::chrono_literals;

namespace {

context const background = context::background();

std::exception_ptr error(char const* what) { return std::make_exception_ptr(std::runtime_error(what)); }

std::string text_of(std::exception_ptr const& cause) {
    if (cause == nullptr)
        return "none";
    try {
        std::rethrow_exception(cause);
    } catch (std::system_error const& e) {
        return e.code() == std::errc::timed_out ? "timed out" : "canceled";
    } catch (std::exception const& e) {
        return e.what();
    }
}

// Calls the function in a fiber and in an OS thread.
template <class F>
void in_both(F const& f) {
    f();
    fiber::run(f);
}

} // namespace

TEST_CASE("after_func runs its function in a new fiber on cancellation", "[context]") {
    in_both([] {
        auto const parent = context::with_cancel(background), ctx = context::with_cancel(parent);
        fiber::chan<fiber::id> const ran(2);
        auto const of_ctx = ctx.after_func([&] { ran.send(fiber::this_fiber::get_id()); });
        CHECK(ran.size() == 0);
        parent.cancel();
        CHECK(ran.recv() != fiber::this_fiber::get_id());
        CHECK_FALSE(of_ctx());
        ctx.cancel();
        CHECK(ran.size() == 0);
    });
}

TEST_CASE("after_func runs a function at once if its context is cancelled", "[context]") {
    auto const ctx = context::with_cancel(background);
    ctx.cancel();
    fiber::chan<void> const ran(1);
    auto const taken_back = ctx.after_func([&] { ran.send(); });
    CHECK_FALSE(taken_back());
    CHECK(ran.recv());
}

TEST_CASE("after_func runs its function at the deadline without any handle", "[context]") {
    fiber::chan<void> const ran(2);
    context::with_timeout(background, 1ms).after_func([&] { ran.send(); });
    context::with_cancel(context::with_timeout(background, 1ms)).after_func([&] { ran.send(); });
    CHECK(ran.recv());
    CHECK(ran.recv());
}

TEST_CASE("a registration unregisters its function once, and destroys it", "[context]") {
    in_both([] {
        for (auto const& ctx : {context::with_cancel(background), context::with_timeout(background, 1h),
                                context::with_value(background, 1), background,
                                context::without_cancel(context::with_cancel(background))}) {
            auto const held = std::make_shared<int>(0);
            auto const registration = ctx.after_func([held] { FAIL_CHECK("called"); });
            auto const copy = registration;
            CHECK(held.use_count() == 2);
            CHECK(registration());
            CHECK(held.use_count() == 1);
            CHECK_FALSE(registration());
            CHECK_FALSE(copy());
            ctx.cancel();
            CHECK_FALSE(copy());
        }
    });
}

TEST_CASE("waiting functions delay neither the cancel nor one another", "[context]") {
    in_both([] {
        auto const ctx = context::with_cancel(background);
        fiber::latch end(1), begun(3), ended(3);
        for (int i = 0; i < 3; ++i)
            ctx.after_func([&] {
                begun.count_down();
                end.wait();
                ended.count_down();
            });
        ctx.cancel();
        begun.wait();
        end.count_down();
        ended.wait();
    });
}

TEST_CASE("a function of after_func finds its context and all below cancelled", "[context]") {
    auto const ctx = context::with_cancel(background), child = context::with_cancel(ctx);
    fiber::chan<bool> const found(1);
    ctx.after_func(
        [&, ctx, child] { found.send(ctx.cancelled() && child.cancelled() && child.done().closed()); });
    ctx.cancel();
    CHECK(found.recv() == true);
}

TEST_CASE("the nearest ancestor calls the function of a destroyed context", "[context]") {
    auto const parent = context::with_cancel(background);
    fiber::chan<void> const ran(1);
    context::with_value(context::with_cancel(parent), 1).after_func([&] { ran.send(); });
    CHECK(ran.size() == 0);
    parent.cancel();
    CHECK(ran.recv());
}

TEST_CASE("a function is destroyed if no cancel can call it", "[context]") {
    auto const held = std::make_shared<int>(0);
    context::with_cancel(background).after_func([held] { FAIL_CHECK("called"); });
    CHECK(held.use_count() == 1);
    auto registration = std::make_optional(context::with_cancel(background).after_func([held] {}));
    CHECK(held.use_count() == 2);
    registration.reset(); // it has kept the context
    CHECK(held.use_count() == 1);
}

TEST_CASE("after_func accepts move-only functions", "[context]") {
    auto const ctx = context::with_cancel(background);
    fiber::chan<int> const ran(1);
    ctx.after_func([&ran, p = std::make_unique<int>(5)] { ran.send(*p); });
    ctx.cancel();
    CHECK(ran.recv() == 5);
}

// Go's example: a context ends the wait for a condition. The function is either unregistered or called.
TEST_CASE("functions are unregistered during cancels of their contexts", "[context]") {
    fiber::runtime rt;
    std::atomic<int> called{0}, taken{0};
    constexpr int fibers = 4, rounds = 200;
    fiber::latch settled(fibers * rounds);
    std::vector<fiber::handle> all;
    for (int i = 0; i < fibers; ++i)
        all.push_back(rt.go([&, i] {
            for (int k = 0; k < rounds; ++k) {
                auto const root = context::with_cancel(background);
                auto const ctx = k % 2 == 0 ? root : context::with_timeout(root, 1h);
                auto const registration = ctx.after_func([&] {
                    ++called;
                    settled.count_down();
                });
                auto canceller = fiber::go([root] { root.cancel(); });
                if ((k + i) % 3 == 0)
                    fiber::this_fiber::yield();
                if (registration()) {
                    ++taken;
                    settled.count_down();
                }
                canceller.join();
            }
        }));
    for (auto& h : all)
        h.join();
    settled.wait();
    CHECK(called + taken == fibers * rounds);
    CHECK(rt.stats().fibers_live == 0);
}

TEST_CASE("the first cancel sets the cause of a context and of all contexts below", "[context]") {
    auto const root = context::with_cancel_cause(background), mid = context::with_cancel(root),
               leaf = context::with_timeout(mid, 1h);
    CHECK(text_of(background.cause()) == "none");
    CHECK(text_of(root.cause()) == "none");
    leaf.cancel(error("leaf"));
    CHECK(text_of(leaf.cause()) == "leaf");
    CHECK(text_of(mid.cause()) == "none");
    root.cancel(error("root"));
    root.cancel(error("late"));
    mid.cancel(error("late"));
    CHECK(text_of(root.cause()) == "root");
    CHECK(text_of(mid.cause()) == "root");
    CHECK(text_of(leaf.cause()) == "leaf");
    CHECK(text_of(context::with_cancel(mid).cause()) == "root");
    CHECK(mid.error() == std::errc::operation_canceled);
}

TEST_CASE("the error is the cause if a cancel has none", "[context]") {
    auto const ctx = context::with_cancel(background), null = context::with_cancel_cause(background);
    ctx.cancel();
    CHECK(text_of(ctx.cause()) == "canceled");
    null.cancel(nullptr);
    CHECK(text_of(null.cause()) == "canceled");
    auto const late = context::with_timeout(background, 0s);
    CHECK(text_of(late.cause()) == "timed out");
    late.cancel(error("too late"));
    CHECK(text_of(late.cause()) == "timed out");
}

TEST_CASE("the cause is set before the cancellation is visible", "[context]") {
    fiber::runtime rt;
    for (int round = 0; round < 100; ++round) {
        auto const root = context::with_cancel(background), child = context::with_cancel(root);
        std::atomic<int> right{0};
        std::vector<fiber::handle> all;
        for (int i = 0; i < 4; ++i)
            all.push_back(rt.go([&, i] {
                auto const& ctx = i % 2 == 0 ? root : child;
                while (!ctx.cancelled())
                    fiber::this_fiber::yield();
                right += text_of(ctx.cause()) == "why" ? 1 : 0;
            }));
        root.cancel(error("why"));
        for (auto& h : all)
            h.join();
        REQUIRE(right == 4);
    }
}

TEST_CASE("without_cancel keeps only the values of the parent", "[context]") {
    auto const parent = context::with_timeout(context::with_value(background, std::string("value")), 1h);
    auto const ctx = context::without_cancel(parent);
    parent.cancel(error("not below"));
    ctx.cancel();
    CHECK_FALSE(ctx.cancelled());
    CHECK_FALSE(ctx.error());
    CHECK(ctx.cause() == nullptr);
    CHECK_FALSE(ctx.done());
    CHECK_FALSE(ctx.deadline());
    CHECK_FALSE(ctx.stop_token().stop_possible());
    CHECK(*ctx.value<std::string>() == "value");
    CHECK(context::without_cancel(background) == background);

    auto const child = context::with_cancel(ctx);
    CHECK_FALSE(child.cancelled());
    CHECK(*child.value<std::string>() == "value");
    auto const token = context::with_value(child, 1).stop_token();
    child.cancel();
    CHECK(child.cancelled());
    CHECK(token.stop_requested());
    CHECK(context::with_timeout(ctx, 0s).error() == std::errc::timed_out);
    auto const lost = context::with_cancel(ctx).stop_token();
    CHECK_FALSE(lost.stop_possible());
}
