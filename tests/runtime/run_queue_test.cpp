// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// run_queue_test.cpp: rt::run_queue: its order, and when it prefetches.

#include "tests/support/any_stack.hpp"
#include "tests/support/catch.hpp"

#include "runtime/sched/run_queue.hpp"

#include <array>
#include <memory>
#include <utility>

namespace rt = fiber::rt;

namespace {

// Fibers that have run, and so have stacks, in a list.
struct linked {
    std::unique_ptr<rt::fiber[]> fibers;
    rt::fiber_list list;

    explicit linked(std::size_t n) : fibers(std::make_unique<rt::fiber[]>(n)) {
        for (std::size_t i = 0; i < n; ++i) {
            fibers[i].stack = &tests::any_stack();
            list.push(fibers[i]);
        }
    }
};

// A queue that has come to hold n such fibers.
struct queued : linked {
    rt::run_queue queue;

    explicit queued(std::size_t n) : linked(n) { queue.push(std::move(list)); }
    [[nodiscard]] bool next_is(std::size_t i) { return queue.pop() == &fibers[i]; }
};

} // namespace

TEST_CASE("a prefetching run queue is first in, first out", "[run_queue]") {
    constexpr std::size_t n = 1000;
    queued q(n);
    q.queue.set_cold(true);
    rt::fiber running;
    rt::fiber* g = &running;
    REQUIRE(q.queue.needs_prefetch());
    for (std::size_t i = 0; i < n; ++i) {
        REQUIRE(q.queue.first() == &q.fibers[i]);
        q.queue.rotate(*g, true);
        g = &q.fibers[i];
    }
    REQUIRE(q.queue.first() == &running);
    q.queue.rotate(*g, true); // restores the first order
    for (std::size_t i = 0; i < n; ++i)
        REQUIRE(q.next_is(i));
    CHECK(q.queue.empty());
}

TEST_CASE("expired fibers go to the front of a long cold run queue, but not twice in a row", "[run_queue]") {
    constexpr std::size_t n = 1000, due = 32;
    queued q(n);
    linked some(due), more(due), last(due);
    q.queue.set_cold(true);
    q.queue.push_expired(std::move(some.list));
    CHECK(q.queue.size() == n + due);
    q.queue.push_expired(std::move(more.list)); // The first batch has not run yet.
    CHECK(q.queue.size() == n + 2 * due);
    for (std::size_t i = 0; i < due; ++i)
        REQUIRE(q.queue.pop() == &some.fibers[i]);
    for (std::size_t i = 0; i < due; ++i)
        REQUIRE(q.next_is(i));
    q.queue.push_expired(std::move(last.list));
    for (std::size_t i = 0; i < due; ++i)
        REQUIRE(q.queue.pop() == &last.fibers[i]);
    for (std::size_t i = due; i < n; ++i)
        REQUIRE(q.next_is(i));
    for (std::size_t i = 0; i < due; ++i)
        REQUIRE(q.queue.pop() == &more.fibers[i]);
    CHECK(q.queue.empty());
}

TEST_CASE("a short cold run queue prefetches until the last remote fiber is popped", "[run_queue]") {
    queued q(2);
    linked few(5), own(3);
    q.queue.push_remote(std::move(few.list));
    CHECK_FALSE(q.queue.needs_prefetch());
    q.queue.set_cold(true);
    q.queue.push(std::move(own.list));
    for (std::size_t i = 0; i < 2; ++i)
        REQUIRE(q.next_is(i));
    for (std::size_t i = 0; i < 5; ++i) {
        CHECK(q.queue.needs_prefetch());
        REQUIRE(q.queue.pop() == &few.fibers[i]);
    }
    CHECK_FALSE(q.queue.needs_prefetch());
    for (std::size_t i = 0; i < 3; ++i)
        REQUIRE(q.queue.pop() == &own.fibers[i]);
    CHECK(q.queue.empty());
}

TEST_CASE("expired fibers go to the back of a short run queue", "[run_queue]") {
    bool const cold = GENERATE(false, true);
    queued q(5);
    linked due(5);
    q.queue.set_cold(cold);
    q.queue.push_expired(std::move(due.list));
    for (std::size_t i = 0; i < 5; ++i)
        REQUIRE(q.next_is(i));
    for (std::size_t i = 0; i < 5; ++i)
        REQUIRE(q.queue.pop() == &due.fibers[i]);
    CHECK(q.queue.empty());
}

TEST_CASE("a run queue gives fresh fibers and others in order", "[run_queue]") {
    queued q(2);
    rt::spawn_batch batch;
    std::array<rt::fiber, 20> fresh;
    for (rt::fiber& g : fresh)
        batch.push(g);
    q.queue.push(batch.take());
    for (std::size_t i = 0; i < 2; ++i)
        CHECK(q.next_is(i));
    for (rt::fiber& g : fresh)
        CHECK(q.queue.pop() == &g);
    CHECK(q.queue.pop() == nullptr);
}

TEST_CASE("pop(n) takes the front of a run queue in order", "[run_queue]") {
    queued q(5);
    rt::fiber_list front = q.queue.pop(2);
    CHECK(front.size() == 2);
    CHECK(front.pop() == &q.fibers[0]);
    CHECK(front.pop() == &q.fibers[1]);
    CHECK(q.queue.size() == 3);
    for (std::size_t i = 2; i < 5; ++i)
        CHECK(q.next_is(i));
    CHECK(q.queue.empty());
}
