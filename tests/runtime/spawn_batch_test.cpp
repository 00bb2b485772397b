// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// spawn_batch_test.cpp: rt::spawn_batch, and batches in rt::processor.

#include "tests/support/catch.hpp"

#include "runtime/sched/processor.hpp"

#include <memory>
#include <vector>

namespace rt = fiber::rt;

namespace {

constexpr std::size_t ahead = 8;

std::unique_ptr<rt::fiber[]> fibers(std::size_t n) { return std::make_unique<rt::fiber[]>(n); }

} // namespace

TEST_CASE("take returns a whole spawn batch in order and leaves it empty", "[spawn_batch]") {
    for (std::size_t const n : {1U, 7U, 8U, 9U, 100U}) {
        auto const f = fibers(n + 1);
        rt::spawn_batch p;
        for (std::size_t i = 0; i < n; ++i) {
            p.push(f[i]);
            CHECK(p.begins_with(f[0]));
            CHECK(p.ends_with(f[i]));
        }
        CHECK(p.size() == n);
        auto list = p.take();
        CHECK(p.size() == 0);
        CHECK_FALSE(p.begins_with(f[0]));
        CHECK_FALSE(p.ends_with(f[n - 1]));
        CHECK(p.take().empty());
        CHECK(list.size() == n);
        list.push(f[n]);
        for (std::size_t i = 0; i <= n; ++i)
            CHECK(list.pop() == &f[i]);
        CHECK(list.pop() == nullptr);
    }
}

TEST_CASE("each fiber of a spawn batch refers to its eighth successor in the batch", "[spawn_batch]") {
    constexpr std::size_t n = 20;
    auto const f = fibers(2 * n);
    rt::spawn_batch p;
    for (std::size_t i = 0; i < n; ++i)
        p.push(f[i]);
    CHECK(p.take().size() == n);
    for (std::size_t i = n; i < 2 * n; ++i)
        p.push(f[i]);
    for (std::size_t i = 0; i < 2 * n; ++i) {
        void const* const later = i % n < n - ahead ? &f[i + ahead] : nullptr;
        CHECK(f[i].what == later);
    }
}

TEST_CASE("take_only returns the only fiber of a spawn batch", "[spawn_batch]") {
    auto const f = fibers(2);
    rt::spawn_batch p;
    p.push(f[0]);
    CHECK(&p.take_only() == &f[0]);
    CHECK(p.size() == 0);
    p.push(f[1]);
    CHECK(&p.take_only() == &f[1]);
}

TEST_CASE("a processor runs the children of a fiber in order", "[processor]") {
    constexpr std::size_t n = 3000;
    auto const f = fibers(n);
    rt::processor p(0, rt::stack_class::default_class(), rt::stack_class::default_class());
    for (std::size_t i = 0; i < n; ++i)
        p.push_spawned(f[i]);
    CHECK(p.queued() == n);
    for (std::size_t i = 0; i < n; ++i)
        CHECK(p.take_local() == &f[i]);
    CHECK(p.take_local() == nullptr);
}

TEST_CASE("a processor gives away half of a few children, or the last of many, in order", "[processor]") {
    for (std::size_t const n : {1U, 2U, 31U, 32U, 1024U, 1025U, 1100U, 3000U}) {
        auto const f = fibers(n);
        rt::processor p(0, rt::stack_class::default_class(), rt::stack_class::default_class());
        for (std::size_t i = 0; i < n; ++i)
            p.push_spawned(f[i]);
        auto given = p.take_half();
        auto const kept = p.queued();
        CHECK(given.size() + kept == n);
        CHECK(given.size() >= (n < 32 || n == 1025 ? 1U : 32U));
        std::vector<bool> seen(n);
        auto const is_next = [&](rt::fiber* g, std::size_t& last) {
            REQUIRE(g != nullptr);
            auto const i = static_cast<std::size_t>(g - f.get());
            REQUIRE_FALSE(seen[i]);
            seen[i] = true;
            CHECK((last == n || i > last));
            last = i;
        };
        std::size_t last = n;
        while (!given.empty())
            is_next(given.pop(), last);
        last = n;
        for (std::size_t i = 0; i < kept; ++i)
            is_next(p.take_local(), last);
        CHECK(p.take_local() == nullptr);
    }
}
