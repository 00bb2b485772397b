// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Does an operation cost more when more fibers live? Three operations, on one processor, among ten to a
// million fibers.
#include "perf/competitors/fiber.hpp"
#include "perf/harness/format.hpp"
#include "perf/harness/machine.hpp"
#include "perf/harness/process.hpp"
#include "perf/harness/progress.hpp"
#include "perf/standalone/standalone.hpp"
#include "perf/workloads/ring.hpp"
#include "perf/workloads/spawn_many.hpp"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <vector>

namespace perf::standalone {
namespace {

using competitors::fibers;

constexpr std::int64_t operations = 2'000'000; // at least
constexpr std::chrono::seconds child_limit{120};

struct operation {
    std::string_view name, title;
    nanoseconds (*work)(std::int64_t live, std::int64_t n);
};

// Starts and joins fibers in bursts of `live`.
nanoseconds spawn_and_join(std::int64_t live, std::int64_t n) {
    start_many_then_join<fibers>(live, live);
    return start_many_then_join<fibers>(n, live);
}

// All yield in turns until the fiber that takes the time has counted n yields. On one processor the count
// needs no lock.
nanoseconds yield_among_all(std::int64_t live, std::int64_t n) {
    return fibers::run([live, n] {
        std::int64_t yields = 0;
        bool enough = false;
        std::vector<fibers::thread> threads;
        for (std::int64_t i = 1; i < live; ++i)
            threads.emplace_back([&] {
                while (!enough) {
                    ++yields;
                    fibers::yield();
                }
            });
        auto const until = [&](std::int64_t goal) {
            for (; yields < goal; ++yields)
                fibers::yield();
        };
        until(live); // all are there
        auto const before = yields;
        auto const start = clock::now();
        until(before + n);
        auto const took = (clock::now() - start) * n / (yields - before);
        enough = true;
        for (auto& t : threads)
            t.join();
        return nanoseconds(took);
    });
}

constexpr operation curves[] = {
    {"spawn_join", "spawn + join", spawn_and_join},
    {"yield", "yield", yield_among_all},
    {"park_unpark", "park + unpark", pass_a_token<fibers>},
};

std::string bar(double value, double most) {
    constexpr double columns = 24;
    std::string text;
    for (auto left = std::lround(value / most * columns); left > 0; --left)
        text += "█";
    return padded_right(text, static_cast<std::size_t>(columns));
}

// Returns the minimum of three processes: noise only makes a loop slower.
std::vector<double> draw(operation const& c, std::vector<std::int64_t> const& lives, progress& shown) {
    std::vector<double> costs;
    for (auto live : lives) {
        shown.now(joined(c.title, " among ", grouped(live)));
        double least = HUGE_VAL;
        for (int run = 0; run < 3; ++run) {
            auto const s = measure_in(this_program, c.name, live, 1, child_limit);
            if (s.ended == sample::status::measured)
                least = std::min(least, s.found.value);
            else
                shown.complain(joined("perf/run: ", c.name, " among ", live, ": ", s.why));
        }
        if (least == HUGE_VAL)
            return {};
        costs.push_back(least);
    }
    return costs;
}

} // namespace

std::vector<service::entry> curve_entries() {
    return entries_of(curves, [](operation const& c, std::int64_t live) {
        auto const n = std::max(operations, 4 * live);
        return outcome{.value = static_cast<double>(c.work(live, n).count()) / static_cast<double>(n)};
    });
}

int curve(job const& work) {
    std::vector<std::int64_t> lives{10, 100, 1'000, 10'000, 100'000, 1'000'000};
    if (work.quick)
        lives.pop_back();
    std::cout << machine_line() << "; ns an operation on one processor, by the number of live fibers\n";
    int status = EXIT_SUCCESS;
    for (auto const& c : curves) {
        progress shown;
        auto const costs = draw(c, lives, shown);
        shown.now("");
        if (costs.empty()) {
            status = EXIT_FAILURE;
            continue;
        }
        auto const [least, most] = std::minmax_element(costs.begin(), costs.end());
        std::cout << '\n' << c.title << ": largest / smallest " << times(*most / *least) << '\n';
        for (std::size_t i = 0; i < lives.size(); ++i)
            std::cout << padded_left(grouped(lives[i]), 12) << "  " << bar(costs[i], *most) << "  "
                      << padded_left(short_number(costs[i]), 6) << '\n';
    }
    return status;
}

} // namespace perf::standalone
