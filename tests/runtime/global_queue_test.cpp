// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// global_queue_test.cpp: rt::global_queue: fairness between injected and shared fibers.

#include "tests/support/catch.hpp"

#include "runtime/sched/global_queue.hpp"

#include <cstddef>
#include <deque>
#include <set>
#include <utility>

namespace rt = fiber::rt;

namespace {

class fibers {
public:
    [[nodiscard]] rt::fiber_list some(std::size_t n) {
        rt::fiber_list list;
        while (n-- > 0)
            list.push(all_.emplace_back());
        return list;
    }

private:
    std::deque<rt::fiber> all_;
};

} // namespace

TEST_CASE("shared fibers are served while OS threads keep injecting fibers", "[global_queue]") {
    auto const injected_a_turn = GENERATE(1, 3, 200);
    fibers all;
    rt::global_queue queue;
    std::set<rt::fiber const*> offered;
    queue.push(all.some(1));
    rt::fiber_list offer = all.some(16);
    rt::fiber_list kept;
    while (rt::fiber* const g = offer.pop()) {
        offered.insert(g);
        kept.push(*g);
    }
    queue.push_shared(std::move(kept));
    int turns = 0;
    while (!offered.empty()) {
        REQUIRE(++turns <= 40);
        queue.push(all.some(static_cast<std::size_t>(injected_a_turn)));
        rt::fiber_list turn = queue.pop_one_or_batch(2);
        REQUIRE(!turn.empty());
        while (rt::fiber const* const g = turn.pop())
            offered.erase(g);
    }
}

TEST_CASE("injected fibers are served while fibers are shared repeatedly", "[global_queue]") {
    fibers all;
    rt::global_queue queue;
    std::set<rt::fiber const*> injected;
    for (int i = 0; i < 16; ++i) {
        rt::fiber_list one = all.some(1);
        rt::fiber* const g = one.pop();
        injected.insert(g);
        queue.push(*g);
    }
    int turns = 0;
    while (!injected.empty()) {
        REQUIRE(++turns <= 40);
        queue.push_shared(all.some(2));
        rt::fiber_list turn = queue.pop_one_or_batch(2);
        REQUIRE(!turn.empty());
        while (rt::fiber const* const g = turn.pop())
            injected.erase(g);
    }
}

TEST_CASE("pop_one_or_batch and pop_batch return each fiber of the global queue once", "[global_queue]") {
    fibers all;
    rt::global_queue queue;
    queue.push(all.some(300));
    queue.push_shared(all.some(300));
    CHECK(queue.size() == 600);
    std::set<rt::fiber const*> seen;
    for (int i = 0; !queue.empty(); ++i) {
        rt::fiber_list taken = i % 3 == 2 ? queue.pop_batch(4) : queue.pop_one_or_batch(4);
        while (rt::fiber const* const g = taken.pop())
            REQUIRE(seen.insert(g).second);
    }
    CHECK(seen.size() == 600);
    CHECK(queue.pop_one_or_batch(4).empty());
    CHECK(queue.pop_batch(4).empty());
}
