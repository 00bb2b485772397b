// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The table of rivals: every workload with fibers and with what others have for it, in turns within the same
// minute, each time in a fresh process of a program of its own.
#include "perf/competitors/standings.hpp"
#include "perf/harness/format.hpp"
#include "perf/harness/json.hpp"
#include "perf/harness/machine.hpp"
#include "perf/harness/options.hpp"
#include "perf/harness/process.hpp"
#include "perf/harness/progress.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>

namespace perf {
namespace {

constexpr std::chrono::seconds child_limit{120};

std::string version_of(std::string const& program) {
    if (!std::filesystem::exists(program))
        return "";
    auto const said = run_program(program, {"version"}, child_limit).output;
    return said.substr(0, said.find('\n'));
}

std::vector<competitor> all_contenders() {
    constexpr int any = 1000;
    std::vector<competitor> all{
        {"fibers", beside_this("competitor_fibers"), "", any, 256},
        {"segmented", beside_this("competitor_segmented"), "lld", any, 256},
        {"Go", beside_this("competitor_go"), "golang-go", any, 256},
        {"Boost.Fiber", beside_this("competitor_boost"), "libboost-fiber-dev", 1, 10'500},
    };
    for (auto& c : all)
        c.version = version_of(c.program);
    return all;
}

sample sample_in(competitor const& c, contest const& what, std::int64_t count, unsigned processors) {
    if (what.heavy && affordable(count, c.heavy_bytes) < count)
        return {.ended = sample::status::impossible, .found = {.tasks = count}, .why = "no memory for"};
    return sample_of(c.program, {std::string(what.name), std::to_string(count), std::to_string(processors)},
                     child_limit);
}

// Contender by competitor, run by run. One that cannot, or came to a wrong answer, is not tried again.
std::vector<standing> measure(contest const& what, unsigned processors, standings const& all,
                              progress& shown) {
    auto rows = empty_rows(what, all.quick, processors, all.competitors.size());
    for (int run = 1; run <= all.runs; ++run) {
        for (std::size_t i = 0; i < all.competitors.size(); ++i) {
            auto const& c = all.competitors[i];
            if (c.version.empty() || !rows[0].cells[i].why.empty() || (what.heavy && run > c.heavy_runs))
                continue;
            shown.now(joined(what.name, " on ", processors, ": ", c.name, ", run ", run, " of ", all.runs));
            auto const s = sample_in(c, what, rows[0].count, processors);
            for (auto& row : rows)
                row.add(i, s);
            if (s.ended == sample::status::broken)
                shown.complain(joined("perf/run: ", what.name, " on ", processors, " with ", c.name,
                                      " is BROKEN: ", s.why));
        }
    }
    for (auto const& row : rows) {
        auto const texts = cells(row, all.competitors);
        auto line = joined(texts[0], " on ", texts[1], ":");
        for (std::size_t i = 0; i < all.competitors.size(); ++i)
            line += joined(i == 0 ? " " : ", ", all.competitors[i].name, " ", texts[2 + i]);
        shown.done(line);
    }
    return rows;
}

standings measure_all(std::vector<contest const*> const& contests, options const& o) {
    standings all{
        .machine = machine_line(), .runs = o.runs, .quick = o.work.quick, .competitors = all_contenders()};
    background_load const others;
    progress shown;
    for (auto* what : contests)
        for (unsigned const processors : {1U, 2U})
            for (auto& row : measure(*what, processors, all, shown))
                all.rows.push_back(std::move(row));
    all.others = others.share();
    return all;
}

void print(standings const& all) {
    std::cout << all.machine;
    for (auto const& c : all.competitors)
        if (!c.version.empty())
            std::cout << "; " << c.version;
    std::cout << "; medians of " << all.runs << " runs; ratio above 1: fibers are faster\n\n" << table(all);
    for (auto const& c : all.competitors) {
        if (c.version.empty())
            std::cout << '\n'
                      << c.name << " is not here (Debian, Ubuntu: apt-get install " << c.package << ")\n";
        else if (c.heavy_runs < all.runs)
            std::cout
                << '\n'
                << c.name
                << " did spawn_all, park_all, wake_all and skynet only once: it takes long over them.\n";
    }
    std::cout << background_load::warning(all.others);
}

int compete(options const& o) {
    auto const contests = chosen(all_contests(), o.only);
    json_file json(o.json);
    auto const all = measure_all(contests, o);
    print(all);
    if (json) {
        write_json(json.stream(), all);
        json.close();
    }
    bool const broken = std::any_of(all.rows.begin(), all.rows.end(), [](standing const& s) {
        return std::any_of(s.cells.begin(), s.cells.end(), [](cell const& c) { return c.broken; });
    });
    return broken ? EXIT_FAILURE : EXIT_SUCCESS;
}

} // namespace
} // namespace perf

int main(int argc, char** argv) {
    try {
        return perf::compete(perf::parse(argc, argv));
    } catch (std::exception const& e) {
        std::fprintf(stderr, "perf/run: %s\n", e.what());
        return EXIT_FAILURE;
    }
}
