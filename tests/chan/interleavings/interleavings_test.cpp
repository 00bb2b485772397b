// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// interleavings_test.cpp: runs small programs through their interleavings. Their outcomes must be those
// of the model, and all of them. FIBER_PROGRAM=seed runs one program. FIBER_PROGRAM="seed decisions…"
// repeats one run of it.
#include "tests/chan/interleavings/explore.hpp"
#include "tests/chan/interleavings/program.hpp"

#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

using namespace tests;

namespace {

using kind = operation::kind;
using blocking = operation::blocking;

operation put(int channel, int value) { return {.what = kind::send, .channel = channel, .value = value}; }
operation take(int channel) { return {.what = kind::recv, .channel = channel}; }
operation timed(operation op) {
    op.what = op.what == kind::send ? kind::send_for : kind::recv_for;
    return op;
}
operation attempted(operation op) {
    op.what = op.what == kind::send ? kind::try_send : kind::try_recv;
    return op;
}
operation shut(int channel) { return {.what = kind::close, .channel = channel}; }
operation one_of(std::vector<operation> cases, blocking p = blocking::for_ever) {
    return {.what = kind::select, .cases = std::move(cases), .select_waits = p};
}
operation again_and_again(operation op) {
    op.what = kind::selector;
    return op;
}
operation stoppable(operation op) {
    op.stoppable = true;
    return op;
}
operation with_past_deadline(operation op) {
    op.late = true;
    return op;
}
operation const stop{.what = kind::stop};

} // namespace

// All allowed outcomes occur within three preemptions, which shows that the search is wide enough.
TEST_CASE("small programs have all allowed outcomes, and no other", "[interleavings]") {
    constexpr int A = 0, B = 1;
    for (int const capacity : {0, 1}) {
        std::vector<program> const all = {
            {{capacity}, {{put(A, 1)}, {take(A)}, {shut(A)}}},
            {{capacity}, {{put(A, 1), shut(A)}, {take(A), take(A)}}},
            {{capacity}, {{timed(put(A, 1))}, {timed(take(A))}}},
            {{capacity}, {{timed(put(A, 1))}, {timed(take(A))}, {shut(A)}}},
            {{capacity}, {{put(A, 1)}, {attempted(take(A))}, {shut(A)}}},
            {{capacity}, {{take(A)}, {attempted(put(A, 1))}, {shut(A)}}},
            {{capacity}, {{put(A, 1)}, {put(A, 2)}, {take(A), take(A)}}},
            {{capacity}, {{shut(A)}, {shut(A)}, {take(A)}}},
            {{capacity, capacity}, {{one_of({take(A), take(B)})}, {put(A, 1)}, {put(B, 2)}}},
            {{capacity, capacity}, {{one_of({take(A), put(B, 1)})}, {one_of({put(A, 2), take(B)})}}},
            {{capacity}, {{one_of({take(A), put(A, 1)})}, {one_of({take(A), put(A, 2)})}}},
            {{capacity, capacity},
             {{one_of({take(A), take(B)}, blocking::for_a_time)}, {put(A, 1)}, {shut(B)}}},
            {{capacity, capacity}, {{one_of({take(A), take(B)}, blocking::none)}, {put(A, 1), put(B, 2)}}},
            {{capacity, capacity},
             {{one_of({take(B), take(A)})}, {one_of({take(A), take(B)})}, {put(A, 1), shut(B)}}},
            {{capacity}, {{one_of({take(A), take(A)})}, {put(A, 1)}, {shut(A)}}},
            {{capacity}, {{one_of({put(A, 1), put(A, 2)})}, {take(A)}}},
            {{capacity, capacity},
             {{one_of({put(A, 1), put(B, 2)})},
              {one_of({take(A), take(B)}, blocking::for_a_time)},
              {take(A)}}},
            {{capacity}, {{stoppable(one_of({take(A)}))}, {stop}, {put(A, 1)}}},
            {{capacity}, {{stoppable(one_of({take(A)}, blocking::for_a_time))}, {put(A, 1), stop}}},
            {{capacity}, {{stoppable(one_of({take(A)}))}, {stoppable(one_of({put(A, 1)}))}, {stop, stop}}},
            {{capacity}, {{with_past_deadline(one_of({take(A)}))}, {put(A, 1)}}},
            {{capacity, capacity}, {{again_and_again(one_of({take(A), take(B)}))}, {put(A, 1)}, {put(B, 2)}}},
            {{capacity}, {{again_and_again(one_of({put(A, 1), take(A)}))}, {take(A), put(A, 2)}}},
            {{capacity},
             {{again_and_again(one_of({take(A), put(A, 1)}, blocking::for_a_time))}, {put(A, 2)}, {shut(A)}}},
            // If a losing waiter were left in a queue, the third fiber or the second wait would meet it.
            {{capacity, capacity},
             {{one_of({take(A), take(B)}), one_of({take(A), put(B, 1)})}, {put(A, 2)}, {put(B, 3)}}},
        };
        for (auto const& p : all) {
            INFO(to_string(p));
            auto const r = explore(p, 3, granularity::locks, 3'000'000);
            CHECK(r.wrong == "");
            CHECK(r.complete);
            CHECK(r.seen == all_allowed(p));
        }
    }
}

// An unlocked result of [chan.early] is the state of one moment.
TEST_CASE("unlocked checks report a state of one moment", "[interleavings]") {
    constexpr int A = 0, B = 1;
    for (int const capacity : {0, 1}) {
        std::vector<program> const all = {
            // The channel is closed, but not drained yet.
            {{capacity}, {{attempted(take(A))}, {put(A, 1), shut(A)}}},
            {{capacity}, {{attempted(take(A)), attempted(take(A))}, {put(A, 1), shut(A)}}},
            // The channel is never open and empty at the same time.
            {{capacity + 1}, {{put(A, 1), attempted(take(A))}, {shut(A), take(A)}}},
            // The channel is never open and full at the same time.
            {{capacity}, {{attempted(put(A, 1))}, {take(A)}, {shut(A)}}},
            {{capacity}, {{attempted(put(A, 1)), attempted(put(A, 2))}, {take(A), shut(A)}}},
            {{capacity}, {{one_of({take(A)}, blocking::none)}, {put(A, 1), shut(A)}}},
            {{capacity}, {{one_of({put(A, 2)}, blocking::none)}, {take(A), shut(A)}}},
            {{capacity, capacity}, {{one_of({take(A), take(B)}, blocking::none)}, {put(A, 1), shut(B)}}},
            {{capacity}, {{timed(take(A))}, {attempted(put(A, 1)), attempted(take(A))}}},
            // A due case must be chosen if another fiber has just taken the value.
            {{capacity},
             {{with_past_deadline(one_of({take(A)}, blocking::none))}, {put(A, 1)}, {attempted(take(A))}}},
        };
        for (auto const& p : all) {
            INFO(to_string(p));
            auto const r = explore(p, 3, granularity::atomics, 3'000'000);
            CHECK(r.wrong == "");
            CHECK(r.complete);
            CHECK(r.seen == all_allowed(p));
        }
    }
}

// Runs each program with one preemption, then with two, up to the maximal number of runs.
TEST_CASE("random programs have only allowed outcomes", "[interleavings]") {
    if (std::getenv("FIBER_PROGRAM") != nullptr)
        return;
    for (std::uint64_t seed = 1; seed <= 400; ++seed) {
        auto const p = random_program(seed);
        for (int const preemptions : {1, 2})
            check(p, "FIBER_PROGRAM", seed, preemptions, granularity::locks, 1000);
        check(p, "FIBER_PROGRAM", seed, 2, granularity::atomics, 300);
    }
}

TEST_CASE("a failed program is repeated", "[interleavings]") { check_again("FIBER_PROGRAM", random_program); }
