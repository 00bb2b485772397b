// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// A competitor in C++ is a type as pthread.hpp describes it, and a program with a main that calls compete().
#pragma once

#include "perf/harness/repeat.hpp"
#include "perf/harness/serve.hpp"
#include "perf/workloads.hpp"

#include <string>
#include <type_traits>
#include <utility>

namespace perf {

template <class Competitor, class Run>
outcome measure(workload<Run> const& w, std::int64_t count, job const& j) {
    auto const run = [&](std::int64_t n) {
        if constexpr (std::is_invocable_v<Run const&, Competitor, std::int64_t, job const&>)
            return w.run(Competitor{}, n, j);
        else
            return w.run(Competitor{}, n);
    };
    if constexpr (std::is_same_v<decltype(run(count)), outcome>) {
        return run(count != 0 ? count : w.how_often.full);
    } else {
        if (count == 0)
            return repeat(run, j.quick);
        run(count / 10); // so that what is made once, such as stacks and threads, is there
        return whole(run(count));
    }
}

// Serves all workloads, and what else the program can measure.
template <class Competitor>
int compete(int argc, char** argv, std::string version, std::vector<service::entry> more = {}) {
    service all{std::move(version), Competitor::use, nullptr, std::move(more)};
    if constexpr (requires { Competitor::processors(); })
        all.processors = Competitor::processors;
    auto const add = [&](auto const& w) {
        all.entries.push_back({w.name, [&w](auto n, auto const& j) { return measure<Competitor>(w, n, j); }});
    };
    std::apply([&](auto const&... w) { (add(w), ...); }, workloads);
    return serve(argc, argv, all);
}

} // namespace perf
