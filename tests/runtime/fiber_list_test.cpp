// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber_list_test.cpp: rt::fiber_list: its order, and its prefetching on cold lists.

#include "tests/support/catch.hpp"

#include "runtime/sched/fiber_list.hpp"

#include <memory>
#include <utility>

namespace rt = fiber::rt;

namespace {

struct queued {
    std::unique_ptr<rt::fiber[]> fibers;
    rt::fiber_list list;

    explicit queued(std::size_t n) : fibers(std::make_unique<rt::fiber[]>(n)) {
        for (std::size_t i = 0; i < n; ++i)
            list.push(fibers[i]);
    }
    [[nodiscard]] bool next_is(std::size_t i) { return list.pop() == &fibers[i]; }
};

} // namespace

TEST_CASE("a fiber list is first in, first out", "[fiber_list]") {
    queued q(3);
    CHECK(q.list.size() == 3);
    for (std::size_t i = 0; i < 3; ++i)
        CHECK(q.next_is(i));
    CHECK(q.list.empty());
    CHECK(q.list.pop() == nullptr);
    q.list.push(q.fibers[1]); // pushes again after the list was empty
    CHECK(q.next_is(1));
}

TEST_CASE("rotate of a fiber list equals a push and a pop", "[fiber_list]") {
    queued q(3);
    rt::fiber running;
    rt::fiber* g = &running;
    for (std::size_t i = 0; i < 3; ++i) {
        rt::fiber* const first = q.list.first();
        q.list.rotate(*g, false);
        CHECK(first == &q.fibers[i]);
        g = first;
    }
    CHECK(q.list.first() == &running);
    CHECK(q.list.size() == 3);
    q.list.rotate(*g, false);
    for (std::size_t i = 0; i < 3; ++i)
        CHECK(q.next_is(i));
    CHECK(q.list.first() == nullptr);
}

TEST_CASE("rotate of a fiber list with one fiber swaps the two fibers", "[fiber_list]") {
    queued q(1);
    rt::fiber running, last;
    q.list.rotate(running, false);
    CHECK(q.list.first() == &running);
    q.list.rotate(q.fibers[0], false);
    CHECK(q.list.size() == 1);
    q.list.push(last);
    CHECK(q.next_is(0));
    CHECK(q.list.pop() == &last);
    CHECK(q.list.empty());
}

TEST_CASE("a prefetching fiber list is first in, first out", "[fiber_list]") {
    constexpr std::size_t n = 1000;
    queued q(n);
    q.list.set_cold(true);
    rt::fiber running;
    rt::fiber* g = &running;
    REQUIRE(q.list.needs_prefetch());
    for (std::size_t i = 0; i < n; ++i) {
        REQUIRE(q.list.first() == &q.fibers[i]);
        q.list.rotate(*g, true);
        g = &q.fibers[i];
    }
    REQUIRE(q.list.first() == &running);
    q.list.rotate(*g, true); // restores the first order
    for (std::size_t i = 0; i < n; ++i)
        REQUIRE(q.next_is(i));
    CHECK(q.list.empty());
}

TEST_CASE("expired fibers go to the front of a long cold list, but not twice in a row", "[fiber_list]") {
    constexpr std::size_t n = 1000, due = 32;
    queued q(n), some(due), more(due), last(due);
    q.list.set_cold(true);
    q.list.push_expired(std::move(some.list));
    CHECK(q.list.size() == n + due);
    q.list.push_expired(std::move(more.list)); // The first batch has not run yet.
    CHECK(q.list.size() == n + 2 * due);
    for (std::size_t i = 0; i < due; ++i)
        REQUIRE(q.list.pop() == &some.fibers[i]);
    for (std::size_t i = 0; i < due; ++i)
        REQUIRE(q.next_is(i));
    q.list.push_expired(std::move(last.list));
    for (std::size_t i = 0; i < due; ++i)
        REQUIRE(q.list.pop() == &last.fibers[i]);
    for (std::size_t i = due; i < n; ++i)
        REQUIRE(q.next_is(i));
    for (std::size_t i = 0; i < due; ++i)
        REQUIRE(q.list.pop() == &more.fibers[i]);
    CHECK(q.list.empty());
}

TEST_CASE("a short cold list prefetches until the last remote fiber is popped", "[fiber_list]") {
    queued q(2), few(5), own(3);
    q.list.push_remote(std::move(few.list));
    CHECK_FALSE(q.list.needs_prefetch());
    q.list.set_cold(true);
    q.list.push(std::move(own.list));
    for (std::size_t i = 0; i < 2; ++i)
        REQUIRE(q.next_is(i));
    for (std::size_t i = 0; i < 5; ++i) {
        CHECK(q.list.needs_prefetch());
        REQUIRE(q.list.pop() == &few.fibers[i]);
    }
    CHECK_FALSE(q.list.needs_prefetch());
    for (std::size_t i = 0; i < 3; ++i)
        REQUIRE(q.list.pop() == &own.fibers[i]);
    CHECK(q.list.empty());
}

TEST_CASE("expired fibers go to the back of a short fiber list", "[fiber_list]") {
    bool const cold = GENERATE(false, true);
    queued q(5), due(5);
    q.list.set_cold(cold);
    q.list.push_expired(std::move(due.list));
    for (std::size_t i = 0; i < 5; ++i)
        REQUIRE(q.next_is(i));
    for (std::size_t i = 0; i < 5; ++i)
        REQUIRE(q.list.pop() == &due.fibers[i]);
    CHECK(q.list.empty());
}

TEST_CASE("pop(n) takes the front of a fiber list in order", "[fiber_list]") {
    queued q(5);
    rt::fiber_list front = q.list.pop(2);
    CHECK(front.size() == 2);
    CHECK(q.list.size() == 3);
    CHECK(front.pop() == &q.fibers[0]);
    CHECK(front.pop() == &q.fibers[1]);
    CHECK(front.pop() == nullptr);
    CHECK(q.list.pop(0).empty());
    rt::fiber_list rest = q.list.pop(99);
    CHECK(rest.size() == 3);
    CHECK(q.list.empty());
    CHECK(q.list.pop() == nullptr);
    CHECK(rest.pop() == &q.fibers[2]);
}

TEST_CASE("pop_back(n) takes the back of a fiber list in order", "[fiber_list]") {
    queued q(5);
    rt::fiber_list back = q.list.pop_back(2);
    CHECK(back.size() == 2);
    CHECK(back.pop() == &q.fibers[3]);
    CHECK(back.pop() == &q.fibers[4]);
    CHECK(back.pop() == nullptr);
    CHECK(q.list.pop_back(0).empty());
    for (std::size_t i = 0; i < 3; ++i)
        CHECK(q.next_is(i));
    CHECK(q.list.pop_back(1).empty());
}

TEST_CASE("a fiber list is appended to another", "[fiber_list]") {
    queued a(2), b(2);
    a.list.push(std::move(b.list));
    CHECK(b.list.empty());
    CHECK(b.list.pop() == nullptr);
    a.list.push(rt::fiber_list());
    CHECK(a.list.size() == 4);
    CHECK(a.next_is(0));
    CHECK(a.next_is(1));
    CHECK(a.list.pop() == &b.fibers[0]);
    CHECK(a.list.pop() == &b.fibers[1]);
    CHECK(a.list.empty());
}
