// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// leftist_heap_test.cpp: rt::leftist_heap: order and invariants.

#include "tests/support/catch.hpp"

#include "runtime/time/leftist_heap.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstddef>
#include <deque>
#include <random>
#include <vector>

namespace rt = fiber::rt;
using namespace std::chrono_literals;

namespace {

rt::clock::time_point const start{1h};

int rank_of(rt::timer const* t) { return t == nullptr ? 0 : t->rank; }

// Checks the heap's invariants and returns the number of timers. A loop, because the left side may
// be as deep as the number of timers.
std::size_t checked(rt::leftist_heap const& heap) {
    std::vector<rt::timer const*> todo;
    std::size_t n = 0;
    // one REQUIRE each: thousands of them take seconds under sanitizers
    bool linked = true, in_order = true, ranked = true;
    if (heap.first() != nullptr) {
        REQUIRE(heap.first()->parent == nullptr);
        todo.push_back(heap.first());
    }
    while (!todo.empty()) {
        rt::timer const& t = *todo.back();
        todo.pop_back();
        ++n;
        for (rt::timer const* const child : {t.left, t.right})
            if (child != nullptr) {
                linked = linked && child->parent == &t;
                in_order = in_order && child->when >= t.when;
                todo.push_back(child);
            }
        ranked = ranked && rank_of(t.left) >= rank_of(t.right) && rank_of(&t) == rank_of(t.right) + 1;
    }
    REQUIRE(linked);
    REQUIRE(in_order);
    REQUIRE(ranked);
    REQUIRE(n == heap.size());
    // The rank is the length of the rightmost path, along which each operation works.
    REQUIRE(rank_of(heap.first()) <= static_cast<int>(std::bit_width(n)));
    return n;
}

} // namespace

TEST_CASE("linked timers come out in order for every order of insertion", "[timer]") {
    auto const order = GENERATE(0, 1, 2, 3); // rising, falling, equal, random
    std::mt19937 random(1);
    rt::leftist_heap heap;
    std::deque<rt::timer> all;
    constexpr int n = 2000;
    for (int i = 0; i < n; ++i) {
        int const when = order == 0   ? i
                         : order == 1 ? n - i
                         : order == 2 ? 7
                                      : static_cast<int>(random() % n);
        heap.push(all.emplace_back(rt::timer{.when = start + std::chrono::nanoseconds(when), .key = {}}));
        if (i % 100 == 0)
            checked(heap);
    }
    CHECK(checked(heap) == n);
    auto last = start;
    while (!heap.empty()) {
        rt::timer& t = *heap.first();
        REQUIRE(t.when >= last);
        REQUIRE(heap.earliest() == t.when);
        last = t.when;
        heap.remove(t);
        if (heap.size() % 100 == 0)
            checked(heap);
    }
    CHECK(heap.earliest() == rt::never);
}

TEST_CASE("removing any linked timer keeps the order of the other timers", "[timer]") {
    rt::leftist_heap heap;
    std::mt19937 random(2);
    std::deque<rt::timer> all;
    std::vector<rt::timer*> in;
    for (int i = 0; i < 20'000; ++i) {
        bool const growing = i / 4000 % 2 == 0;
        if (in.empty() || random() % 4 < (growing ? 3u : 1u)) {
            auto const when = start + std::chrono::nanoseconds(random() % 1'000'000);
            heap.push(*in.emplace_back(&all.emplace_back(rt::timer{.when = when, .key = {}})));
        } else {
            auto const which = in.begin() + static_cast<std::ptrdiff_t>(random() % in.size());
            heap.remove(**which);
            *which = in.back();
            in.pop_back();
        }
        REQUIRE(heap.size() == in.size());
        if (i % 200 == 0) {
            checked(heap);
            auto const least =
                std::min_element(in.begin(), in.end(), [](auto* a, auto* b) { return a->when < b->when; });
            REQUIRE(heap.earliest() == (in.empty() ? rt::never : (*least)->when));
        }
    }
    checked(heap);
}
