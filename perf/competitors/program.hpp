// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// A competitor is a program that knows the workloads of contest.hpp:
//   competitor NAME COUNT PROCESSORS     does it COUNT times and writes a record (harness/record.hpp)
//   competitor version                   writes one line: who it is
// This is one for a C++ rival; each workload is the template that all rivals share. go/ is one in another
// language.
#pragma once

#include "perf/harness/named.hpp"
#include "perf/harness/process.hpp"
#include "perf/harness/record.hpp"
#include "perf/work/many_to_many.hpp"
#include "perf/work/park_all.hpp"
#include "perf/work/ping_pong.hpp"
#include "perf/work/pipe.hpp"
#include "perf/work/ring.hpp"
#include "perf/work/select.hpp"
#include "perf/work/sieve.hpp"
#include "perf/work/skynet.hpp"
#include "perf/work/sleepers.hpp"
#include "perf/work/spawn_all.hpp"
#include "perf/work/spawn_join.hpp"
#include "perf/work/yield.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

namespace perf {

// Short operations run a tenth as many times before, so that what is made once (stacks, threads) is there.
// Large ones show that cost: it is theirs.
template <class Competitor, nanoseconds (*Work)(std::int64_t)>
outcome warmed_up(std::int64_t n) {
    Work(n / 10);
    return {.value = static_cast<double>(Work(n).count())};
}

template <class Competitor, std::int64_t Tasks>
nanoseconds yield_among(std::int64_t n) {
    return yield_in_turns<Competitor>(Tasks, n);
}

template <class Competitor>
nanoseconds pass_among_503(std::int64_t hops) {
    return pass_a_token<Competitor>(503, hops);
}

template <class Competitor>
outcome start_all(std::int64_t n) {
    return {.value = static_cast<double>(start_all_then_wait<Competitor>(n).count())};
}

template <class Competitor, nanoseconds parked_and_woken::*Part>
outcome park_all(std::int64_t n) {
    auto const all = park_and_wake<Competitor>(n, [] {});
    if (all.tasks < n)
        cannot("fails at", all.tasks);
    return {.value = static_cast<double>((all.*Part).count())};
}

template <class Competitor>
outcome sieve(std::int64_t n) {
    return {.value = static_cast<double>(sieve_to_prime<Competitor>(n).count())};
}

template <class Competitor>
outcome select_of_two(std::int64_t n) {
    if constexpr (requires { Competitor::has_select; })
        return warmed_up<Competitor, select_from_two<Competitor>>(n);
    else
        cannot("has none", 0);
}

template <class Competitor>
outcome sleep_all(std::int64_t n) {
    auto const all = sleep_at_once<Competitor>(n);
    if (all.tasks < n)
        cannot("fails at", all.tasks);
    return {.value = static_cast<double>(all.wall.count()), .cpu = static_cast<double>(all.cpu.count())};
}

template <class Competitor>
outcome compete(std::string_view name, std::int64_t n) {
    struct entry {
        std::string_view name;
        outcome (*work)(std::int64_t);
    };
    static constexpr entry entries[] = {
        {"yield_2", warmed_up<Competitor, yield_among<Competitor, 2>>},
        {"yield_10", warmed_up<Competitor, yield_among<Competitor, 10>>},
        {"ring", warmed_up<Competitor, pass_among_503<Competitor>>},
        {"ping_pong", warmed_up<Competitor, round_trips<Competitor>>},
        {"pipe", warmed_up<Competitor, produce_and_consume<Competitor>>},
        {"many_to_many", warmed_up<Competitor, four_to_four<Competitor>>},
        {"select", select_of_two<Competitor>},
        {"sieve", sieve<Competitor>},
        {"spawn_join", warmed_up<Competitor, start_and_join<Competitor>>},
        {"spawn_all", start_all<Competitor>},
        {"park_all", park_all<Competitor, &parked_and_woken::parking>},
        {"wake_all", park_all<Competitor, &parked_and_woken::waking>},
        {"skynet", grow_a_tree<Competitor>},
        {"sleepers", sleep_all<Competitor>},
    };
    return named(entries, name).work(n);
}

template <class Competitor>
int contend(int argc, char** argv, std::string_view version) {
    if (argc == 2 && std::string_view(argv[1]) == "version")
        return std::printf("%.*s\n", static_cast<int>(version.size()), version.data()) < 0;
    if (argc != 4) {
        std::fprintf(stderr, "usage: %s NAME COUNT PROCESSORS | version\n", argv[0]);
        return 2;
    }
    die_with_parent();
    try {
        Competitor::use(static_cast<unsigned>(std::stoul(argv[3])));
        report_and_exit(compete<Competitor>(argv[1], std::stoll(argv[2])));
    } catch (std::exception const& e) {
        broken(e.what());
    }
}

} // namespace perf
