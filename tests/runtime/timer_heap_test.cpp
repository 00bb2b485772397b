// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "tests/support/catch.hpp"

#include "runtime/sched/fiber.hpp"
#include "runtime/time/timer_heap.hpp"

#include <chrono>
#include <deque>
#include <random>
#include <vector>

namespace rt = fiber::rt;
using namespace std::chrono_literals;

namespace {

rt::clock::time_point const start{1h};

void arm(rt::timer_heap& heap, rt::timer& t) {
    heap.make_room();
    heap.arm(t);
}

std::vector<rt::timer*> expired(rt::timer_heap& heap, rt::clock::time_point now) {
    std::vector<rt::timer*> all;
    for (rt::timer* t = heap.expire(now); t != nullptr; t = t->next)
        all.push_back(t);
    return all;
}

} // namespace

TEST_CASE("timers expire in order of their deadlines, and not before", "[timer]") {
    rt::fiber who;
    rt::timer_heap heap;
    std::deque<rt::timer> timers;
    std::mt19937 random(1);
    for (int i = 0; i < 10'000; ++i) // more than one chunk
        arm(heap, timers.emplace_back(
                      rt::timer{.when = start + std::chrono::milliseconds(random() % 1000), .key = {&who}}));
    CHECK(expired(heap, start - 1ns).empty());
    std::size_t seen = 0;
    auto last = start;
    for (auto now = start; now < start + 1s; now += 10ms) {
        for (rt::timer const* const t : expired(heap, now)) {
            CHECK(t->when <= now);
            REQUIRE(t->when >= last);
            last = t->when;
            ++seen;
        }
        CHECK(heap.earliest() > now);
    }
    seen += expired(heap, start + 1s).size();
    CHECK(seen == timers.size());
    CHECK(heap.empty());
    CHECK(heap.earliest() == rt::never);
}

TEST_CASE("a disarmed timer leaves nothing behind", "[timer]") {
    rt::fiber who;
    rt::timer_heap heap;
    std::deque<rt::timer> timers;
    std::mt19937 random(2);
    for (int i = 0; i < 5'000; ++i)
        arm(heap, timers.emplace_back(
                      rt::timer{.when = start + std::chrono::milliseconds(random() % 1000), .key = {&who}}));
    for (std::size_t i = 0; i < timers.size(); i += 2)
        rt::timer_heap::disarm(timers[i]);
    CHECK(heap.size() == timers.size() / 2);
    auto last = start;
    for (rt::timer const* const t : expired(heap, start + 1s)) {
        REQUIRE(t->when >= last);
        last = t->when;
    }
    CHECK(heap.empty());
    for (auto& t : timers)
        rt::timer_heap::disarm(t); // a second time, or after expiry: nothing happens
    rt::timer never_armed{.when = start, .key = {&who}};
    rt::timer_heap::disarm(never_armed);
}

TEST_CASE("timers that find no room still expire and disarm, in the same calls", "[timer]") {
    rt::fiber who;
    rt::timer_heap heap; // and nobody makes room
    std::deque<rt::timer> timers;
    for (int i = 0; i < 5; ++i)
        heap.arm(
            timers.emplace_back(rt::timer{.when = start + std::chrono::milliseconds(5 - i), .key = {&who}}));
    CHECK(heap.earliest() == start + 1ms);
    rt::timer_heap::disarm(timers[4]);
    CHECK(heap.earliest() == start + 2ms);
    rt::timer_heap::disarm(timers[2]);
    CHECK(expired(heap, start + 2ms) == std::vector<rt::timer*>{&timers[3]});
    arm(heap, timers.emplace_back(rt::timer{.when = start + 3ms, .key = {&who}}));
    CHECK(expired(heap, start + 1s).size() == 3);
    CHECK(heap.empty());
}

TEST_CASE("a timer whose wait has been claimed by another expires without a winner", "[timer]") {
    rt::fiber who;
    rt::timer_heap heap;
    rt::timer t{.when = start, .key = who.open_wait()};
    arm(heap, t);
    REQUIRE(rt::party::claim(t.key));
    CHECK(heap.expire(start) == nullptr);
    CHECK_FALSE(t.fired);
    CHECK(heap.empty());
}

TEST_CASE("a timer that expires claims the wait, and nobody else can", "[timer]") {
    rt::fiber who;
    rt::timer_heap heap;
    rt::timer t{.when = start, .key = who.open_wait()};
    arm(heap, t);
    REQUIRE(heap.expire(start) == &t);
    CHECK(t.fired);
    CHECK_FALSE(rt::party::claim(t.key));
}
