// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber_list_test.cpp: rt::fiber_list: its order.

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
        q.list.rotate(*g);
        CHECK(first == &q.fibers[i]);
        g = first;
    }
    CHECK(q.list.first() == &running);
    CHECK(q.list.size() == 3);
    q.list.rotate(*g);
    for (std::size_t i = 0; i < 3; ++i)
        CHECK(q.next_is(i));
    CHECK(q.list.first() == nullptr);
}

TEST_CASE("rotate of a fiber list with one fiber swaps the two fibers", "[fiber_list]") {
    queued q(1);
    rt::fiber running, last;
    q.list.rotate(running);
    CHECK(q.list.first() == &running);
    q.list.rotate(q.fibers[0]);
    CHECK(q.list.size() == 1);
    q.list.push(last);
    CHECK(q.next_is(0));
    CHECK(q.list.pop() == &last);
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

TEST_CASE("a fiber list is put in front of another", "[fiber_list]") {
    queued a(2), b(2), c(2);
    b.list.push_front(std::move(a.list));
    CHECK(a.list.empty());
    CHECK(b.list.size() == 4);
    a.list.push_front(std::move(b.list));
    a.list.push(std::move(c.list));
    for (queued const* q : {&a, &b, &c})
        for (std::size_t i = 0; i < 2; ++i)
            CHECK(a.list.pop() == &q->fibers[i]);
    CHECK(a.list.empty());
}
