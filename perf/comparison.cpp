// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The tables that compare: every workload with every competitor, in turns within the same minute, each time
// in a fresh process.
#include "perf/comparison.hpp"

#include "perf/harness/machine.hpp"
#include "perf/harness/progress.hpp"
#include "perf/harness/serve.hpp"
#include "perf/results.hpp"
#include "perf/workloads.hpp"
#include "perf/workloads/word_count.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <stdexcept>

namespace perf {
namespace {

constexpr std::chrono::seconds child_limit{120};

// Returns the workloads of this table that --only names, in its order. Returns all if it names none.
std::vector<workload_spec const*> chosen(table which, std::vector<std::string> const& names) {
    std::vector<workload_spec const*> all, some;
    for (auto const* w : workload_specs())
        if (shown_in(w->where, which))
            all.push_back(w);
    for (auto const& name : names) {
        auto const found = std::find_if(all.begin(), all.end(), [&](auto* w) { return w->name == name; });
        if (found == all.end()) {
            std::string known;
            for (auto* w : all)
                known.append(" ").append(w->name);
            usage_error("--only: no workload '" + name + "'; there are" + known);
        }
        some.push_back(*found);
    }
    return names.empty() ? all : some;
}

void check_directory(std::filesystem::path const& dir) {
    std::error_code error;
    if (!std::filesystem::is_directory(dir, error))
        usage_error(joined("--dir: '", dir.native(), "' is not a directory"));
    if (files_below(dir).empty())
        usage_error(joined("--dir: no files below '", dir.native(), "'"));
}

sample measure_once(competitor const& c, row const& r, job const& work) {
    bool const counted = r.count != 0;
    if (counted && r.what->on_memory == load::heavy && affordable(r.count, c.heavy_bytes) < r.count)
        return {.ended = sample::status::impossible, .found = {.tasks = r.count}, .why = "no memory for"};
    auto s = measure_in(c.program, r.what->name, r.count, r.processors, child_limit, work);
    // With a fixed count, fewer tasks are another workload.
    if (counted && s.ended == sample::status::measured && s.found.tasks != 0 && s.found.tasks < r.count)
        s.ended = sample::status::impossible, s.why = "fails at";
    return s;
}

// Returns one row, or two for a workload that shows wall time and CPU time.
std::vector<row> empty_rows(workload_spec const& w, unsigned processors, results const& all,
                            job const& work) {
    std::int64_t const fixed = work.quick ? w.how_often.quick : w.how_often.full;
    row r{&w, all.which == table::rivals ? fixed : 0, processors, false,
          std::vector<cell>(all.competitors.size())};
    std::vector<row> rows{r};
    if (w.value == shows::time_and_cpu_of_all) {
        r.shows_cpu = true;
        rows.push_back(r);
    }
    return rows;
}

// Measures competitor by competitor, run by run. A competitor that fails or gives a wrong result is not tried
// again.
void measure(workload_spec const& w, unsigned processors, std::string const& position, results& all,
             options const& o, progress& shown) {
    auto rows = empty_rows(w, processors, all, o.work);
    auto const on = processors != 0 ? joined(" on ", processors) : "";
    for (int run = 1; run <= o.runs; ++run) {
        for (std::size_t i = 0; i < all.competitors.size(); ++i) {
            auto const& c = all.competitors[i];
            if (c.version.empty() || !rows[0].cells[i].why.empty() ||
                (w.on_memory == load::heavy && run > c.heavy_runs))
                continue;
            shown.now(joined(position, w.name, on, ": ", c.name, ", run ", run, " of ", o.runs));
            auto const s = measure_once(c, rows[0], o.work);
            for (auto& r : rows)
                r.add(i, s);
            all.processors = std::max(all.processors, s.processors);
            if (s.ended == sample::status::broken)
                shown.complain(joined("perf/run: ", w.name, on, " with ", c.name, " is BROKEN: ", s.why));
        }
    }
    for (auto const& r : rows) {
        auto const texts = cells_of(r, all);
        auto line = joined(position, texts[0], on, ":");
        std::size_t const first = processors != 0 ? 2 : 1;
        for (std::size_t i = 0; i < r.cells.size(); ++i)
            line += joined(i == 0 ? " " : ", ", all.competitors[i].name, " ", texts[first + i]);
        shown.done(line);
        all.rows.push_back(r);
    }
}

results measure_all(table which, std::vector<workload_spec const*> const& listed, options const& o) {
    results all{which, machine_line(), competitors_in(which)};
    background_load const others;
    progress shown;
    std::vector<unsigned> const numbers = which == table::rivals ? std::vector{1U, 2U} : std::vector{0U};
    for (std::size_t i = 0; i < listed.size(); ++i)
        for (unsigned const processors : numbers)
            measure(*listed[i], processors, joined("[", i + 1, "/", listed.size(), "] "), all, o, shown);
    all.background = others.share();
    return all;
}

void print(results const& all, options const& o) {
    std::cout << all.machine;
    if (all.which == table::threads)
        std::cout << "; fibers on " << all.processors << " processors";
    else
        for (auto const& c : all.competitors)
            if (!c.version.empty())
                std::cout << "; " << c.version;
    std::cout << "; medians of " << o.runs << " runs; ratio"
              << (all.which == table::threads ? ": pthreads / fibers" : " above 1: fibers are faster")
              << "\n\n"
              << text_of(all);
    for (auto const& c : all.competitors) {
        if (c.version.empty())
            std::cout << '\n'
                      << c.name << " is not here (Debian, Ubuntu: apt-get install " << c.package << ")\n";
        else if (c.heavy_runs < o.runs)
            std::cout
                << '\n'
                << c.name
                << " did spawn_all, park_all, wake_all and skynet only once: it takes long over them.\n";
    }
    std::cout << background_load::warning(all.background);
}

} // namespace

int compare(options const& o) {
    auto const which = o.what.empty() ? table::threads : table::rivals;
    auto const listed = chosen(which, o.only);
    if (which == table::threads)
        check_directory(o.work.dir);
    std::ofstream json;
    if (!o.json.empty()) {
        json.open(o.json);
        if (!json)
            usage_error("--json: cannot write '" + o.json + "'");
    }
    auto const all = measure_all(which, listed, o);
    print(all, o);
    if (json.is_open()) {
        write_json(json, all, o);
        json.close();
        if (!json)
            throw std::runtime_error("cannot write " + o.json);
    }
    bool const broken = std::any_of(all.rows.begin(), all.rows.end(), [](row const& r) {
        return std::any_of(r.cells.begin(), r.cells.end(), [](cell const& c) { return c.broken; });
    });
    return broken ? EXIT_FAILURE : EXIT_SUCCESS;
}

} // namespace perf
