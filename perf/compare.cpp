// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The table: every workload with pthreads and with fibers, in turns within the same minute, each time in a
// fresh process.
#include "perf/harness/format.hpp"
#include "perf/harness/json.hpp"
#include "perf/harness/machine.hpp"
#include "perf/harness/options.hpp"
#include "perf/harness/process.hpp"
#include "perf/harness/progress.hpp"
#include "perf/harness/record.hpp"
#include "perf/harness/row.hpp"
#include "perf/harness/sample.hpp"
#include "perf/harness/table.hpp"
#include "perf/work/word_count.hpp"

#include <algorithm>
#include <cstdio>
#include <iostream>

namespace perf {
namespace {

constexpr std::chrono::seconds child_limit{120};

std::vector<workload const*> all_workloads() {
    return {&spawn_join,      &spawn_many, &yield,  &ping_pong,     &pipe,
            &contended_mutex, &sleepers,   &skynet, &parked_memory, &search};
}

sample sample_in_child(workload const& w, std::string_view rival, job const& j) {
    std::vector<std::string> arguments{"--child", std::string(rival), "--only", std::string(w.name),
                                       "--dir",   j.dir.native(),     "--word", j.word};
    if (j.quick)
        arguments.emplace_back("--quick");
    return sample_of(this_program, arguments, child_limit);
}

// Competitor by rival, run by run. A rival that cannot, or came to a wrong answer, is not tried again.
row measure(workload const& w, options const& o, unsigned& processors, progress& shown,
            std::string const& position) {
    row r{.what = &w};
    for (int run = 1; run <= o.runs; ++run) {
        for (auto [rival, c] : {std::pair{"pthreads", &r.pthreads}, std::pair{"fibers", &r.fibers}}) {
            if (!c->why.empty())
                continue;
            shown.now(joined(position, w.name, ": ", rival, ", run ", run, " of ", o.runs));
            auto const s = sample_in_child(w, rival, o.work);
            c->add(s);
            processors = std::max(processors, s.processors);
            if (s.ended == sample::status::broken)
                shown.complain(joined("perf/run: ", w.name, " with ", rival, " is BROKEN: ", s.why));
        }
    }
    auto const line = cells(r);
    shown.done(joined(position, line[0], ": pthreads ", line[1], ", fibers ", line[2]));
    return r;
}

report measure_all(std::vector<workload const*> const& workloads, options const& o) {
    report all{.machine = machine_line(), .runs = o.runs};
    background_load const others;
    progress shown;
    for (auto* w : workloads) {
        auto const position = joined("[", all.rows.size() + 1, "/", workloads.size(), "] ");
        all.rows.push_back(measure(*w, o, all.processors, shown, position));
    }
    all.others = others.share();
    return all;
}

void print(report const& all) {
    std::cout << all.machine << "; fibers on " << all.processors << " processors; medians of " << all.runs
              << " runs; ratio: pthreads / fibers\n\n"
              << table(all.rows) << background_load::warning(all.others);
}

int compare(options const& o) {
    auto const workloads = chosen(all_workloads(), o.only);
    std::error_code error;
    if (!std::filesystem::is_directory(o.work.dir, error))
        usage_error(joined("--dir: '", o.work.dir.native(), "' is not a directory"));
    if (files_below(o.work.dir).empty())
        usage_error(joined("--dir: no files below '", o.work.dir.native(), "'"));
    json_file json(o.json);

    auto const all = measure_all(workloads, o);
    print(all);
    if (json) {
        write_json(json.stream(), all, o.work);
        json.close();
    }
    bool const broken = std::any_of(all.rows.begin(), all.rows.end(),
                                    [](row const& r) { return r.pthreads.broken || r.fibers.broken; });
    return broken ? EXIT_FAILURE : EXIT_SUCCESS;
}

int run(options const& o) {
    if (o.rival.empty())
        return compare(o);
    die_with_parent();
    auto const& w = *chosen(all_workloads(), o.only).front();
    measure_and_exit(o.rival == "fibers" ? w.fibers : w.pthreads, o.work, o.rival);
}

} // namespace
} // namespace perf

int main(int argc, char** argv) {
    try {
        return perf::run(perf::parse(argc, argv));
    } catch (std::exception const& e) {
        std::fprintf(stderr, "perf/run: %s\n", e.what());
        return EXIT_FAILURE;
    }
}
