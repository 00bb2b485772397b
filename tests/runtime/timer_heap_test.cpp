// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// timer_heap_test.cpp: rt::timer_heap: expiry, disarming, and timers armed from elsewhere.

#include "tests/support/catch.hpp"

#include "runtime/sched/fiber.hpp"
#include "runtime/time/timer_heap.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <unordered_map>
#include <vector>

namespace rt = fiber::rt;
using namespace std::chrono_literals;

namespace {

rt::clock::time_point const start{1h};

void arm(rt::timer_heap& heap, rt::timer& t) {
    heap.make_room();
    heap.arm(t);
}

std::vector<rt::ticket> expired(rt::timer_heap& heap, rt::clock::time_point now) {
    std::vector<rt::ticket> all;
    std::array<rt::ticket, 7> room;
    do {
        for (rt::ticket const& key : heap.expire(now, room))
            all.push_back(key);
    } while (heap.earliest() <= now);
    return all;
}

// Timers of one fiber each. A ticket therefore identifies its timer.
class sleepers {
public:
    rt::timer& add(rt::clock::time_point when) {
        rt::fiber& who = parties_.emplace_back();
        whens_[&who] = when;
        return timers_.emplace_back(rt::timer{.when = when, .key = who.open_wait()});
    }
    [[nodiscard]] std::deque<rt::timer>& timers() { return timers_; }
    [[nodiscard]] rt::clock::time_point when(rt::ticket const& key) const { return whens_.at(key.who); }

private:
    std::deque<rt::fiber> parties_;
    std::deque<rt::timer> timers_;
    std::unordered_map<rt::agent const*, rt::clock::time_point> whens_;
};

} // namespace

TEST_CASE("timers expire in order of their deadlines, and not before", "[timer]") {
    rt::timer_heap heap;
    sleepers all;
    std::mt19937 random(1);
    for (int i = 0; i < 10'000; ++i) // more than one chunk
        arm(heap, all.add(start + std::chrono::milliseconds(random() % 1000)));
    CHECK(expired(heap, start - 1ns).empty());
    std::size_t seen = 0;
    auto last = start;
    for (auto now = start; now < start + 1s; now += 10ms) {
        for (rt::ticket const& key : expired(heap, now)) {
            CHECK(all.when(key) <= now);
            REQUIRE(all.when(key) >= last);
            last = all.when(key);
            ++seen;
        }
        CHECK(heap.earliest() > now);
    }
    seen += expired(heap, start + 1s).size();
    CHECK(seen == all.timers().size());
    CHECK(heap.empty());
    CHECK(heap.earliest() == rt::never);
}

TEST_CASE("a disarmed timer leaves nothing behind", "[timer]") {
    rt::timer_heap heap;
    sleepers all;
    std::mt19937 random(2);
    for (int i = 0; i < 5'000; ++i)
        arm(heap, all.add(start + std::chrono::milliseconds(random() % 1000)));
    for (std::size_t i = 0; i < all.timers().size(); i += 2)
        rt::timer_heap::disarm(all.timers()[i]);
    CHECK(heap.size() == all.timers().size() / 2);
    auto last = start;
    for (rt::ticket const& key : expired(heap, start + 1s)) {
        REQUIRE(all.when(key) >= last);
        last = all.when(key);
    }
    CHECK(heap.empty());
    rt::timer& other = all.add(start);
    arm(heap, other); // takes the slot of an earlier timer
    for (auto& t : all.timers())
        if (&t != &other)
            rt::timer_heap::disarm(t); // A second disarm, or a disarm after expiry, does nothing.
    CHECK(heap.size() == 1);
    rt::timer_heap::disarm(other);
    rt::timer_heap::disarm(all.add(start)); // never armed
    CHECK(heap.empty());
}

TEST_CASE("each of very many timers expires once, when due and in order", "[timer]") {
    rt::timer_heap heap;
    sleepers all;
    std::mt19937 random(3);
    std::multimap<rt::clock::time_point, rt::timer*> armed; // the expected contents of the heap
    std::unordered_map<rt::agent const*, rt::timer*> whose;
    auto const span =
        // within a bucket, within many buckets, and beyond all buckets
        GENERATE(std::chrono::nanoseconds(100us), 50ms, 1s);
    auto const below = [&](std::chrono::nanoseconds limit) {
        return std::chrono::nanoseconds(random() % static_cast<std::uint64_t>(limit.count()));
    };
    auto now = start;
    auto const expire = [&] {
        auto last = rt::clock::time_point{};
        for (rt::ticket const& key : expired(heap, now)) {
            auto const first = armed.begin();
            auto const when = all.when(key);
            REQUIRE(when <= now);
            REQUIRE(when >= last);
            REQUIRE(when == first->first);
            last = when;
            auto const [from, to] = armed.equal_range(when);
            auto const at =
                std::find_if(from, to, [&](auto const& t) { return t.second == whose.at(key.who); });
            REQUIRE(at != to);
            armed.erase(at);
        }
        REQUIRE((armed.empty() || armed.begin()->first > now));
    };
    auto const check_earliest = [&] {
        REQUIRE(heap.size() == armed.size());
        REQUIRE(heap.earliest() <= (armed.empty() ? rt::never : armed.begin()->first));
    };
    for (int round = 0; round < 60; ++round) {
        for (int i = 0; i < 1000; ++i) {
            rt::timer& t = all.add(now + below(span));
            armed.emplace(t.when, &t);
            whose[t.key.who] = &t;
            arm(heap, t);
        }
        check_earliest();
        for (auto at = armed.begin(); at != armed.end();) {
            if (random() % 8 != 0) {
                ++at;
                continue;
            }
            rt::timer_heap::disarm(*at->second);
            at = armed.erase(at);
        }
        check_earliest();
        now += below(span / 4);
        expire();
        check_earliest();
        REQUIRE(heap.earliest() == (armed.empty() ? rt::never : armed.begin()->first));
    }
    now += span;
    expire();
    CHECK(armed.empty());
    CHECK(heap.empty());
}

TEST_CASE("timers without room in the heap still expire and disarm", "[timer]") {
    rt::timer_heap heap; // make_room is never called
    sleepers all;
    for (int i = 0; i < 5; ++i)
        heap.arm(all.add(start + std::chrono::milliseconds(5 - i)));
    CHECK(heap.earliest() == start + 1ms);
    rt::timer_heap::disarm(all.timers()[4]);
    CHECK(heap.earliest() == start + 2ms);
    rt::timer_heap::disarm(all.timers()[2]);
    CHECK(expired(heap, start + 2ms) == std::vector{all.timers()[3].key});
    arm(heap, all.add(start + 3ms));
    CHECK(expired(heap, start + 1s).size() == 3);
    CHECK(heap.empty());
}

TEST_CASE("timers armed from elsewhere expire in one order with the owner's timers", "[timer]") {
    rt::timer_heap heap;
    sleepers all;
    arm(heap, all.add(start + 3ms));
    CHECK_FALSE(heap.arm_from_elsewhere(all.add(start + 4ms)));
    CHECK(heap.arm_from_elsewhere(all.add(start + 2ms)));
    CHECK_FALSE(heap.arm_from_elsewhere(all.add(start + 2ms)));
    arm(heap, all.add(start + 1ms));
    CHECK(heap.size() == 5);
    CHECK(heap.earliest() == start + 1ms);
    auto last = start;
    for (rt::ticket const& key : expired(heap, start + 1s)) {
        CHECK(all.when(key) >= last);
        last = all.when(key);
    }
    CHECK(last == start + 4ms);
    CHECK(heap.size() == 0);
    CHECK(heap.empty());
}

TEST_CASE("very many timers armed from elsewhere expire and disarm beside the owner's", "[timer]") {
    rt::timer_heap heap;
    sleepers all;
    std::mt19937 random(4);
    std::multimap<rt::clock::time_point, rt::timer*> armed;
    for (int i = 0; i < 20'000; ++i) {
        rt::timer& t = all.add(start + std::chrono::microseconds(random() % 100'000));
        armed.emplace(t.when, &t);
        if (i % 2 == 0)
            arm(heap, t);
        else
            static_cast<void>(heap.arm_from_elsewhere(t));
        REQUIRE(heap.earliest() == armed.begin()->first);
    }
    for (auto at = armed.begin(); at != armed.end();) {
        if (random() % 2 == 0) {
            rt::timer_heap::disarm(*at->second);
            at = armed.erase(at);
        } else {
            ++at;
        }
    }
    CHECK(heap.size() == armed.size());
    auto next = armed.begin();
    for (rt::ticket const& key : expired(heap, start + 1s)) {
        REQUIRE(next != armed.end());
        REQUIRE(all.when(key) == next->first);
        ++next;
    }
    CHECK(next == armed.end());
    for (auto& t : all.timers())
        rt::timer_heap::disarm(t); // A second disarm, or a disarm after expiry, does nothing.
    CHECK(heap.empty());
}

TEST_CASE("a timer does not expire a wait claimed by another waker", "[timer]") {
    rt::timer_heap heap;
    sleepers all;
    rt::timer& t = all.add(start);
    arm(heap, t);
    REQUIRE(rt::agent::claim(t.key));
    CHECK(expired(heap, start).empty());
    CHECK_FALSE(rt::agent::ended_by_deadline(t.key));
    CHECK(heap.empty());
}

TEST_CASE("an expiring timer claims the wait exclusively", "[timer]") {
    rt::timer_heap heap;
    sleepers all;
    rt::timer& t = all.add(start);
    arm(heap, t);
    REQUIRE(expired(heap, start) == std::vector{t.key});
    CHECK(rt::agent::ended_by_deadline(t.key));
    CHECK_FALSE(rt::agent::claim(t.key));
}
