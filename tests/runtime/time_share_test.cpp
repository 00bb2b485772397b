// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// time_share_test.cpp: rt::time_share in simulated time: chains of fibers get equal time.

#include "tests/support/any_stack.hpp"
#include "tests/support/catch.hpp"

#include "runtime/sched/run_queue.hpp"
#include "runtime/sched/time_share.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace rt = fiber::rt;

namespace {

using namespace std::chrono_literals;
using rt::clock;

// A processor with chains, in simulated time. Each chain has one runnable fiber at a time. Here it
// is always the same fiber.
class simulation {
public:
    struct chain {
        clock::duration turn_of_fiber; // from one switch to the next
        clock::duration had{};
        clock::duration max_wait{};
        clock::time_point queued_at{};
        rt::fiber runnable{};
    };

    explicit simulation(std::vector<clock::duration> const& turns) {
        for (auto const t : turns) {
            auto& c = chains.emplace_back();
            c.turn_of_fiber = t;
            c.runnable.stack = &tests::any_stack();
            queue_.push(c.runnable);
        }
    }

    void run_for(clock::duration time) {
        auto const end = now_ + time;
        while (now_ < end)
            switch_once();
    }

    // Adds a fiber that runs for a moment and waits again. Returns how long it waited in the queue.
    [[nodiscard]] clock::duration wait_of_guest() {
        rt::fiber guest;
        auto const came = now_;
        queue_.push(guest);
        while (running_ != &guest)
            switch_once();
        auto const waited = now_ - came;
        now_ += 1us;
        ++ticks_;
        take();
        return waited;
    }

    [[nodiscard]] double ratio() const {
        auto const [least, most] = std::minmax_element(
            chains.begin(), chains.end(), [](chain const& a, chain const& b) { return a.had < b.had; });
        return static_cast<double>(most->had.count()) / static_cast<double>(least->had.count());
    }

    std::deque<chain> chains;
    std::uint64_t looks = 0;
    [[nodiscard]] std::uint64_t switches() const { return ticks_; }

private:
    void take() {
        ++ticks_;
        if (rt::time_share::was_measured(*queue_.first())) {
            running_ = &share_.take(queue_, ticks_, now_);
        } else {
            share_.begin(ticks_);
            running_ = queue_.pop();
        }
    }
    void switch_once() {
        if (running_ == nullptr)
            take();
        for (chain& c : chains)
            if (&c.runnable == running_) {
                now_ += c.turn_of_fiber;
                c.had += c.turn_of_fiber;
            }
        ++ticks_;
        if (share_.is_due(ticks_)) {
            if (rt::fiber* const g = share_.check(*running_, queue_, ticks_)) {
                running_ = g;
                return;
            }
            ++looks;
            running_ = &share_.check(*running_, queue_, ticks_, now_);
        }
    }

    rt::time_share share_;
    rt::run_queue queue_;
    rt::fiber* running_ = nullptr;
    std::uint64_t ticks_ = 0;
    clock::time_point now_ = clock::time_point(1h);
};

} // namespace

TEST_CASE("two chains get nearly equal time for all turn lengths", "[time_share]") {
    for (clock::duration const quick : {40ns, 1'000ns, 100'000ns})
        for (clock::duration const slow : {50ns, 1'000ns, 33'000ns, 2'000'000ns, 15'000'000ns}) {
            CAPTURE(quick.count(), slow.count());
            simulation s({quick, slow});
            s.run_for(20 * slow); // The first turn is not measured.
            for (auto& c : s.chains)
                c.had = {};
            s.run_for(300ms);
            CHECK(s.ratio() < 1.5);
        }
}

TEST_CASE("many chains get roughly equal time", "[time_share]") {
    for (std::size_t const others : {2U, 7U, 30U}) {
        CAPTURE(others);
        std::vector<clock::duration> turns(others, 1us);
        turns.push_back(500us);
        simulation s(turns);
        s.run_for(600ms);
        CHECK(s.ratio() < 3);
    }
}

TEST_CASE("long chains share the time, and the processor never idles", "[time_share]") {
    simulation s({1ms, 10ms, 4ms});
    s.run_for(3s);
    CHECK(s.ratio() < 1.5);
    clock::duration all{};
    for (auto const& c : s.chains)
        all += c.had;
    CHECK(all >= 3s); // One chain has run at each moment.
}

TEST_CASE("a fiber waits 2 ms at most beside two chains with turns of up to 100 µs", "[time_share]") {
    for (clock::duration const turn : {50ns, 1'000ns, 20'000ns, 100'000ns}) {
        CAPTURE(turn.count());
        simulation s({turn, 100us});
        clock::duration most{};
        for (int i = 0; i < 1'000; ++i) {
            most = std::max(most, s.wait_of_guest());
            s.run_for(i % 7 * 30us);
        }
        CHECK(most <= 2ms);
    }
}

TEST_CASE("a fiber waits at most 70 switches beside quick chains", "[time_share]") {
    simulation s({50ns, 50ns});
    s.run_for(1ms);
    for (int i = 0; i < 100; ++i)
        CHECK(s.wait_of_guest() <= 70 * 50ns);
}

TEST_CASE("the clock is read twice in 256 switches of quick chains", "[time_share]") {
    for (auto const& turns : {std::vector<clock::duration>{50ns}, {50ns, 60ns, 40ns}}) {
        simulation s(turns);
        s.run_for(10ms);
        CHECK(s.looks <= s.switches() / 120);
    }
}

TEST_CASE("a chain becoming slow beside quick chains is detected", "[time_share]") {
    simulation s({50ns, 60ns, 40ns});
    s.run_for(10ms);
    s.chains[0].turn_of_fiber = 20us;
    s.run_for(100ms);
    for (auto& c : s.chains)
        c.had = {};
    s.run_for(100ms);
    CHECK(s.ratio() < 3);
}

TEST_CASE("a chain without competitors gets no rest for its earlier time", "[time_share]") {
    simulation s({10us});
    s.run_for(1s);
    CHECK(s.wait_of_guest() <= 100us);
    auto const before = s.chains[0].had;
    s.run_for(1ms);
    CHECK(s.chains[0].had - before >= 1ms);
}

TEST_CASE("a fresh fiber keeps the name of its successor when its turn begins", "[time_share]") {
    constexpr auto start = clock::time_point(1h);
    rt::time_share share;
    rt::run_queue queue;
    rt::fiber slow, other, fresh, successor;
    slow.stack = &tests::any_stack();
    other.stack = &tests::any_stack();
    fresh.what = &successor;
    queue.push(slow);
    CHECK(&share.take(queue, 0, start) == &slow);
    queue.push(other);
    CHECK(&share.check(slow, queue, 8, start + 1ms) == &other);
    queue.push(fresh);
    CHECK(rt::time_share::was_measured(*queue.first())); // `slow` rests
    CHECK(&share.take(queue, 9, start + 1ms) == &fresh);
    CHECK(fresh.what == &successor);
}
