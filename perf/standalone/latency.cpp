// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// How late are timers, and tasks that another one has woken, while others compute? Beside Go and std::thread,
// on two processors, of which none, one or both are taken by a task that computes without end.
#include "perf/harness/format.hpp"
#include "perf/harness/machine.hpp"
#include "perf/harness/process.hpp"
#include "perf/harness/progress.hpp"
#include "perf/standalone/standalone.hpp"

#include <array>
#include <filesystem>
#include <iostream>
#include <stdexcept>

namespace perf::standalone {
namespace {

constexpr unsigned processors = 2;
constexpr std::chrono::seconds child_limit{60};
constexpr std::array<std::string_view, 2> titles{"a timer of 1 ms, ", "woken through a channel, "};
constexpr std::size_t values = 3; // of each title: p50, p99 and the longest

struct column {
    std::string_view name, program;
};
constexpr column columns[] = {
    {"fibers", "competitor_fibers"}, {"Go", "competitor_go"}, {"std::thread", "competitor_pthreads"}};

std::vector<double> measure(column const& c, unsigned computing, std::int64_t milliseconds) {
    auto const s = measure_in(beside_this(std::string(c.program)), joined("latency_", computing),
                              milliseconds, processors, child_limit);
    if (s.ended != sample::status::measured || s.found.list.size() != values * titles.size())
        throw std::runtime_error(joined("latency of ", c.name, " is BROKEN: ", s.why));
    return s.found.list;
}

} // namespace

int latency(job const& work) {
    std::int64_t const milliseconds = work.quick ? 500 : 3'000;
    std::vector<std::vector<std::string>> lines{{"", "load", "p50", "p99", "most"}};
    background_load const others;
    {
        progress shown;
        std::array<std::vector<std::vector<std::string>>, titles.size()> parts;
        for (unsigned computing = 0; computing <= processors; ++computing)
            for (auto const& c : columns) {
                if (!std::filesystem::exists(beside_this(std::string(c.program))))
                    continue;
                shown.now(joined("latency: ", c.name, " beside ", computing, " that compute"));
                auto const found = measure(c, computing, milliseconds);
                for (std::size_t i = 0; i < parts.size(); ++i) {
                    parts[i].push_back(
                        {joined(titles[i], c.name), joined(computing * 100 / processors, " %")});
                    for (std::size_t v = i * values; v < (i + 1) * values; ++v)
                        parts[i].back().push_back(in_unit(found[v], {"µs", 1e3}));
                }
            }
        for (auto const& part : parts)
            lines.insert(lines.end(), part.begin(), part.end());
    }
    std::cout << machine_line() << "; on " << processors << " processors, how late\n\n"
              << aligned(lines) << background_load::warning(others.share());
    return EXIT_SUCCESS;
}

} // namespace perf::standalone
