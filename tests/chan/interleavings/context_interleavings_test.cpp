// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// context_interleavings_test.cpp: derives, cancels, times out and drops contexts in all interleavings.
// Each outcome must be one that the model allows, and nothing may leak. FIBER_CONTEXT_PROGRAM=seed works
// as FIBER_PROGRAM in interleavings_test.cpp.
#include "tests/chan/interleavings/context_program.hpp"
#include "tests/chan/interleavings/explore.hpp"

#include <vector>

using namespace tests;

namespace {

using kind = context_operation::kind;
using ended_by = context_operation::ended_by;

constexpr std::size_t A = 0, B = 1, C = 2;

context_operation derive(std::size_t slot, std::size_t parent, ended_by also = ended_by::cancel) {
    return {.what = kind::derive, .slot = slot, .parent = parent, .also = also};
}
context_operation cancel(std::size_t slot) { return {.what = kind::cancel, .slot = slot}; }
context_operation drop(std::size_t slot) { return {.what = kind::drop, .slot = slot}; }
context_operation error(std::size_t slot) { return {.what = kind::error, .slot = slot}; }
context_operation done(std::size_t slot) { return {.what = kind::done, .slot = slot}; }
context_operation token(std::size_t slot) { return {.what = kind::token, .slot = slot}; }
context_operation await(std::size_t slot) { return {.what = kind::await, .slot = slot}; }
context_operation watch(std::size_t slot) { return {.what = kind::watch, .slot = slot}; }
context_operation const stop{.what = kind::stop};

} // namespace

TEST_CASE("small programs of contexts have only allowed outcomes", "[interleavings]") {
    std::vector<context_program> const all = {
        {{derive(A, A), derive(B, A), cancel(A)}, {done(B), error(B)}, {await(A), error(B)}},
        {{derive(A, A), derive(B, A), await(B)}, {cancel(A), error(B), done(B)}},
        {{derive(A, A), derive(B, A), drop(A)}, {cancel(A), done(B)}, {cancel(B), error(B)}},
        {{derive(A, A, ended_by::deadline), derive(B, A), await(B)}, {cancel(B)}, {cancel(A)}},
        {{derive(A, A, ended_by::deadline), watch(A)}, {drop(A), derive(A, A)}},
        {{derive(A, A), token(A), drop(A)}, {derive(B, A), cancel(A), token(B)}},
        {{derive(A, A, ended_by::stop_token), derive(B, A), await(B)}, {stop}, {drop(A), cancel(B)}},
        {{derive(A, A, ended_by::stop_token), watch(A)},
         {derive(B, B, ended_by::stop_token), stop, error(A)}},
        {{derive(A, A), derive(B, A), derive(C, B)}, {drop(B), cancel(A), error(C)}, {drop(C)}},
        {{derive(A, A), cancel(A)}, {derive(B, A, ended_by::deadline), drop(B), error(A)}},
        // When a cancel returns, all contexts below are cancelled, also the contexts that another fiber
        // cancels.
        {{derive(A, A), derive(B, A), derive(C, B), cancel(B)}, {cancel(A), error(C), done(C)}},
        {{derive(A, A), derive(B, A), cancel(A)}, {cancel(A), error(B), done(B)}},
        {{derive(A, A), derive(B, A, ended_by::deadline), derive(C, B)}, {cancel(A), error(C), done(C)}},
        {{derive(A, A), derive(B, A), watch(B)}, {cancel(B)}, {cancel(A), done(B)}},
    };
    for (auto const& p : all) {
        INFO(to_string(p));
        for (auto const points : {granularity::locks, granularity::atomics}) {
            auto const r = explore(p, points == granularity::locks ? 2 : 1, points, 3'000'000);
            CHECK(r.wrong == "");
            CHECK(r.complete);
            CHECK(r.seen.size() > 1);
        }
    }
}

TEST_CASE("random programs of contexts have only allowed outcomes", "[interleavings]") {
    if (std::getenv("FIBER_CONTEXT_PROGRAM") != nullptr)
        return;
    for (std::uint64_t seed = 1; seed <= 60; ++seed)
        check(random_context_program(seed), "FIBER_CONTEXT_PROGRAM", seed, 2, granularity::locks, 500);
}

TEST_CASE("a failed program of contexts is repeated", "[interleavings]") {
    check_again("FIBER_CONTEXT_PROGRAM", random_context_program);
}
