// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// explore.hpp: runs a program through its interleavings, and compares the outcomes with its model. A
// program has the functions all_allowed(program), run(program, schedule) and to_string(program).
#pragma once

#include "tests/chan/interleavings/schedule.hpp"
#include "tests/support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <sstream>
#include <string>

namespace tests {

struct exploration {
    std::set<std::string> seen;
    std::string wrong; // the first outcome that is not allowed, and the decisions that led to it
    std::size_t runs = 0;
    bool complete = false; // true if all runs with this number of preemptions were made
};

template <class Program>
exploration explore(Program const& p, int preemptions, granularity points, std::size_t max_runs) {
    auto const allowed = all_allowed(p);
    exploration r;
    schedule s(preemptions, points);
    do {
        auto const outcome = run(p, s);
        r.seen.insert(outcome);
        if (!allowed.contains(outcome)) {
            r.wrong = outcome + "with decisions " + s.decisions();
            return r;
        }
        r.complete = !s.advance();
    } while (!r.complete && ++r.runs < max_runs);
    return r;
}

template <class Program>
std::string some_allowed(Program const& p) {
    std::string text = "\nallowed are\n";
    for (auto const& o : all_allowed(p))
        if (text.size() < 2000)
            text += "  " + o + '\n';
    return text;
}

// Explores the random program of a seed. If a run ends by a fatal signal, it prints only `variable` and
// the seed.
template <class Program>
void check(Program const& p, char const* variable, std::uint64_t seed, int preemptions, granularity points,
           std::size_t max_runs) {
    INFO(variable << '=' << seed);
    auto const r = explore(p, preemptions, points, max_runs);
    if (!r.wrong.empty())
        FAIL(to_string(p) << "came to " << r.wrong << some_allowed(p));
}

// Repeats the run if the variable is "seed decisions…". If it is a seed, makes all runs of its program,
// with more preemptions.
template <class RandomProgram>
void check_again(char const* variable, RandomProgram const& random_program) {
    char const* const given = std::getenv(variable);
    if (given == nullptr)
        return;
    std::istringstream text(given);
    std::uint64_t seed = 0;
    std::string decisions;
    text >> seed;
    std::getline(text, decisions);
    auto const p = random_program(seed);
    if (decisions.empty()) {
        check(p, variable, seed, 4, granularity::locks, 10'000'000);
        check(p, variable, seed, 3, granularity::atomics, 10'000'000);
        return;
    }
    schedule s(1000);
    s.replay(decisions);
    auto const outcome = run(p, s);
    INFO(to_string(p) << "came to " << outcome << some_allowed(p));
    CHECK(all_allowed(p).contains(outcome));
}

} // namespace tests
