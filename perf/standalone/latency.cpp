// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// How late are timers, and tasks that another one has woken, while others compute? Beside Go and std::thread, on two
// processors, of which none, one or both are taken by a task that computes without end.
#include "perf/competitors/fiber.hpp"
#include "perf/competitors/pthread.hpp"
#include "perf/harness/format.hpp"
#include "perf/harness/machine.hpp"
#include "perf/harness/progress.hpp"
#include "perf/standalone/child.hpp"
#include "perf/workload.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <vector>

namespace perf::standalone {
namespace {

constexpr unsigned processors = 2;
constexpr std::chrono::seconds child_limit{60};
constexpr std::chrono::milliseconds period{1}; // of the timer

struct late {
    std::vector<nanoseconds> timers, wakes;
};

// One task sleeps for a millisecond again and again, and wakes a second one each time.
template <class Competitor>
late measure_beside(unsigned computing, std::chrono::milliseconds time) {
    return Competitor::run([=] {
        std::atomic<bool> enough = false;
        late found;
        typename Competitor::template chan<clock::time_point> woken(1);
        std::vector<typename Competitor::thread> all;
        for (unsigned i = 0; i < computing; ++i)
            all.emplace_back([&] {
                while (!enough.load(std::memory_order_relaxed)) {
                }
            });
        all.emplace_back([&] {
            while (auto const since = woken.recv())
                found.wakes.push_back(clock::now() - *since);
        });
        for (auto const end = clock::now() + time; clock::now() < end;) {
            auto const due = clock::now() + period;
            Competitor::sleep_for(period);
            auto const now = clock::now();
            found.timers.push_back(now - due);
            woken.send(now);
        }
        woken.close();
        enough = true;
        for (auto& t : all)
            t.join();
        return found;
    });
}

struct spread {
    double p50 = 0, p99 = 0, most = 0;
};

spread spread_of(std::vector<nanoseconds> all) {
    verify(!all.empty(), "there are samples");
    std::sort(all.begin(), all.end());
    auto const at = [&](std::size_t percent) {
        return static_cast<double>(all[std::min(all.size() - 1, all.size() * percent / 100)].count());
    };
    return {at(50), at(99), static_cast<double>(all.back().count())};
}

// As competitors/go/latency.go writes them: p50, p99 and the most of timers, then of wakes, in ns.
void write(late const& found) {
    for (auto const* all : {&found.timers, &found.wakes}) {
        auto const s = spread_of(*all);
        std::cout << static_cast<std::int64_t>(s.p50) << ' ' << static_cast<std::int64_t>(s.p99) << ' '
                  << static_cast<std::int64_t>(s.most) << '\n';
    }
}

struct competitor {
    std::string_view name;
    std::string program;
};

std::array<spread, 2> result_of(competitor const& c, unsigned computing, std::chrono::milliseconds time) {
    auto const child = run_program(
        c.program, {"latency", std::string(c.name), std::to_string(computing), std::to_string(time.count())},
        child_limit);
    if (!child.complaint.empty())
        throw std::runtime_error(joined("latency of ", c.name, " is BROKEN: ", child.complaint));
    std::array<spread, 2> found;
    std::istringstream in(child.output);
    for (auto& s : found)
        if (!(in >> s.p50 >> s.p99 >> s.most))
            throw std::runtime_error(
                joined("latency of ", c.name, " is BROKEN: it says '", child.output, "'"));
    return found;
}

int print(bool quick) {
    std::chrono::milliseconds const time{quick ? 500 : 3'000};
    std::vector<competitor> competitors{{"fibers", this_program}, {"std::thread", this_program}};
    if (std::string const go = beside_this("competitors/competitor_go"); std::filesystem::exists(go))
        competitors.insert(competitors.begin() + 1, {"Go", go});
    std::vector<std::vector<std::string>> lines{{"", "load", "p50", "p99", "most"}};
    background_load const others;
    {
        progress shown;
        std::array<std::vector<std::vector<std::string>>, 2> parts;
        constexpr std::array<std::string_view, 2> titles{"a timer of 1 ms, ", "woken through a channel, "};
        for (unsigned computing = 0; computing <= processors; ++computing)
            for (auto const& c : competitors) {
                shown.now(joined("latency: ", c.name, " beside ", computing, " that compute"));
                auto const found = result_of(c, computing, time);
                for (std::size_t i = 0; i < parts.size(); ++i)
                    parts[i].push_back({joined(titles[i], c.name), joined(computing * 100 / processors, " %"),
                                        in_unit(found[i].p50, {"µs", 1e3}),
                                        in_unit(found[i].p99, {"µs", 1e3}),
                                        in_unit(found[i].most, {"µs", 1e3})});
            }
        for (auto const& part : parts)
            lines.insert(lines.end(), part.begin(), part.end());
    }
    std::cout << machine_line() << "; on " << processors << " processors, how late\n\n"
              << aligned(lines) << background_load::warning(others.share());
    return EXIT_SUCCESS;
}

int measure(std::string_view name, unsigned computing, std::chrono::milliseconds time) {
    die_with_parent();
    if (name == "fibers") {
        competitors::fibers::use(processors);
        write(measure_beside<competitors::fibers>(computing, time));
    } else {
        write(measure_beside<competitors::pthreads>(computing, time));
    }
    return EXIT_SUCCESS;
}

} // namespace
} // namespace perf::standalone

// program [--quick]                            prints the table
// program latency NAME COMPUTING MILLISECONDS  measures one competitor, and writes two lines: rivals/go knows the same
int main(int argc, char** argv) {
    using namespace perf;
    using namespace perf::standalone;
    try {
        if (argc == 5 && std::string_view(argv[1]) == "latency")
            return measure(argv[2], static_cast<unsigned>(std::stoul(argv[3])),
                           std::chrono::milliseconds(std::stoll(argv[4])));
        return print(parse(argc, argv).work.quick);
    } catch (std::exception const& e) {
        std::fprintf(stderr, "perf/run: %s\n", e.what());
        return EXIT_FAILURE;
    }
}
