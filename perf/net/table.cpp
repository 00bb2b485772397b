// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/net/table.hpp"

#include "perf/harness/cell.hpp"
#include "perf/harness/format.hpp"
#include "perf/harness/machine.hpp"
#include "perf/harness/process.hpp"
#include "perf/harness/progress.hpp"
#include "perf/net/system_calls.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <random>
#include <stdexcept>

namespace perf::net {
namespace {

constexpr unit microseconds{"µs", 1e3};
constexpr char const* nothing = "–";

// What is known about one server in one row.
struct results_of_one {
    server const* who;
    std::vector<figures> rounds{}; // one a round, none after a failure
    bool failed = false;
    std::optional<counted_calls> calls{};
};

struct results_of_row {
    row const* what;
    std::vector<results_of_one> all{};

    [[nodiscard]] results_of_one const& of(std::string_view server) const {
        return *std::ranges::find(all, server, [](results_of_one const& r) { return r.who->name; });
    }
};

using figure = double figures::*;

std::optional<double> median(results_of_one const& r, figure f) {
    std::vector<double> values;
    for (auto const& round : r.rounds)
        values.push_back(round.*f);
    return r.failed || values.empty() ? std::nullopt : std::optional(median_of(values));
}

// Returns the median of the ratios in each round: both have run in the same minute.
std::optional<double> ratio(results_of_one const& a, results_of_one const& b, figure f) {
    std::vector<double> values;
    for (std::size_t i = 0; i < std::min(a.rounds.size(), b.rounds.size()); ++i)
        values.push_back(a.rounds[i].*f / (b.rounds[i].*f));
    return a.failed || b.failed || values.empty() ? std::nullopt : std::optional(median_of(values));
}

std::string times_or_nothing(std::optional<double> r) { return r ? fixed(*r, 2) + "x" : nothing; }

std::vector<std::string> line_of(results_of_one const& r, results_of_row const& row) {
    std::vector<std::string> texts{r.who->name};
    if (r.who->version.empty() || r.failed || r.rounds.empty())
        return texts.push_back(r.failed ? "BROKEN" : nothing), texts;
    texts.push_back(grouped(std::llround(*median(r, &figures::rate))));
    texts.push_back(times_or_nothing(ratio(r, row.of("Go"), &figures::rate)));
    texts.push_back(times_or_nothing(ratio(r, row.of("epoll loop"), &figures::rate)));
    for (auto const f : {&figures::p50, &figures::p99, &figures::p999, &figures::cpu})
        texts.push_back(in_unit(*median(r, f), microseconds));
    texts.push_back(joined(std::lround(100 * *median(r, &figures::busy)), " %"));
    if (r.calls) {
        auto const requests = static_cast<double>(r.calls->requests);
        texts.push_back(fixed(static_cast<double>(r.calls->all()) / requests, 2));
        texts.push_back(joined(fixed(100 * static_cast<double>(r.calls->vain_reads) / requests, 1), " %"));
        texts.push_back(grouped(r.calls->epoll_ctl()));
    }
    return texts;
}

std::optional<double> count_of(results_of_one const& r, goal::of what) {
    if (!r.calls)
        return std::nullopt;
    auto const requests = static_cast<double>(r.calls->requests);
    if (what == goal::of::epoll_ctl)
        return static_cast<double>(r.calls->epoll_ctl());
    return static_cast<double>(what == goal::of::calls ? r.calls->all() : r.calls->vain_reads) / requests;
}

shown_goal goal_in(goal const& g, results_of_row const& row) {
    static constexpr struct {
        std::string_view name;
        figure what;
    } kinds[] = {{"requests/s", &figures::rate}, {"p50", &figures::p50},     {"p99", &figures::p99},
                 {"system calls", nullptr},      {"reads in vain", nullptr}, {"epoll_ctl", nullptr}};
    auto const& k = kinds[static_cast<std::size_t>(g.what)];
    bool const at_least = g.what == goal::of::rate;
    auto const found = k.what == nullptr ? count_of(row.of(g.server), g.what)
                                         : ratio(row.of(g.server), row.of(g.reference), k.what);
    return {joined(k.name, " of ", g.server, g.reference.empty() ? "" : " to ", g.reference),
            joined("at ", at_least ? "least " : "most ", fixed(g.limit, 2)),
            found ? fixed(*found, 3) : nothing, !found || (at_least ? *found >= g.limit : *found <= g.limit)};
}

std::string text_of(results_of_row const& r) {
    std::vector<std::vector<std::string>> lines{{std::string(r.what->name), "requests/s", "to Go",
                                                 "to the loop", "p50", "p99", "p99.9", "CPU", "busy", "calls",
                                                 "EAGAIN", "epoll_ctl"}};
    std::string calls;
    std::vector<shown_goal> wanted;
    for (auto const& one : r.all) {
        lines.push_back(line_of(one, r));
        if (one.calls)
            calls += joined("  ", one.who->name, ": ", one.calls->in_words(), "\n");
    }
    for (auto const& g : goals())
        if (g.row == r.what->name)
            wanted.push_back(goal_in(g, r));
    return joined(r.what->name, ": ", r.what->title, "\n\n", aligned(lines),
                  calls.empty() ? "" : "\ncalls a request\n", calls, text_of(wanted), "\n");
}

class measurement {
public:
    explicit measurement(options const& o)
        : o_(o), servers_(servers()), cpus_(allowed_cpus()), counter_(find_counter()),
          wrk_(is_in_path("wrk")) {}

    int run() {
        std::cout << machine_line();
        for (auto const& s : servers_)
            if (s.name == "Go" && !s.version.empty())
                std::cout << "; " << s.version;
        std::cout << "; medians of " << o_.runs << " rounds\n\n";
        for (auto const& r : rows())
            if (wanted(r.name)) {
                if (r.with_wrk && !wrk_)
                    std::cout << r.name
                              << " is left out: wrk is not here (Debian, Ubuntu: apt-get install wrk)\n\n";
                else
                    std::cout << text_of(measure_row(r)) << std::flush;
            }
        if (wanted("idle"))
            std::cout << idle_table(servers_, cpus_for(rows().front()), o_.work.quick, broken_) << std::flush;
        if (wanted("beside"))
            std::cout << beside_table(cpus_for(rows().front()), 3 * o_.runs, broken_) << std::flush;
        say_what_is_missing();
        return broken_ ? EXIT_FAILURE : EXIT_SUCCESS;
    }

private:
    bool wanted(std::string_view name) const {
        return o_.only.empty() || std::ranges::find(o_.only, name) != o_.only.end();
    }

    pair_of_cpus cpus_for(row const& r) const {
        return {cpus_.front(), r.one_cpu || cpus_.size() == 1 ? cpus_.front() : cpus_[1]};
    }

    // Calls f unless the server is not here, or has failed before. Returns false if f throws.
    template <class F>
    bool attempt(results_of_one& r, row const& what, progress& shown, F const& f) {
        try {
            if (!r.failed && !r.who->version.empty())
                f();
            return true;
        } catch (std::exception const& e) {
            shown.complain(joined("perf/run: ", what.name, " with ", r.who->name, " is BROKEN: ", e.what()));
            broken_ = true;
            return false;
        }
    }

    results_of_row measure_row(row const& what) {
        results_of_row all{&what};
        for (auto const& s : servers_)
            all.all.push_back({&s});
        progress shown;
        std::vector<std::size_t> order(servers_.size());
        for (std::size_t i = 0; i < order.size(); ++i)
            order[i] = i;
        for (int round = 1; round <= o_.runs; ++round) {
            std::ranges::shuffle(order, random_);
            for (auto const i : order) {
                auto& r = all.all[i];
                bool const well = attempt(r, what, shown, [&] {
                    shown.now(joined(what.name, ": ", r.who->name, ", round ", round, " of ", o_.runs));
                    r.rounds.push_back(measure(*r.who, what, cpus_for(what), time_of_each()));
                });
                r.failed = r.failed || !well;
            }
        }
        for (auto& r : all.all)
            attempt(r, what, shown, [&] {
                shown.now(joined(what.name, ": ", r.who->name, ", system calls"));
                if (counter_ != counter::none)
                    r.calls = count_calls(counter_, *r.who, what, cpus_for(what), counted_requests());
            });
        shown.done(joined(what.name, ": done"));
        return all;
    }

    std::chrono::milliseconds time_of_each() const {
        return std::chrono::milliseconds(o_.work.quick ? 500 : 2'000);
    }

    std::int64_t counted_requests() const {
        return (counter_ == counter::perf_stat ? 100'000 : 20'000) / (o_.work.quick ? 5 : 1);
    }

    void say_what_is_missing() const {
        for (auto const& s : servers_)
            if (s.version.empty())
                std::cout << s.name << " is not here"
                          << (s.package.empty() ? "" : " (Debian, Ubuntu: apt-get install " + s.package + ")")
                          << '\n';
        if (counter_ == counter::strace)
            std::cout << "strace counted the system calls, and slowed the servers down meanwhile: there were "
                         "fewer vain reads.\n";
        if (counter_ == counter::none)
            std::cout << "System calls were not counted: strace is not here (Debian, Ubuntu: apt-get install "
                         "strace)\n";
        if (cpus_.size() == 1)
            std::cout << "There is one CPU: servers and clients shared it.\n";
    }

    options const& o_;
    std::vector<server> const servers_;
    std::vector<int> const cpus_;
    counter const counter_;
    bool const wrk_;
    bool broken_ = false;
    std::mt19937 random_{std::random_device{}()};
};

void check_names(std::vector<std::string> const& names) {
    std::vector<std::string> known;
    for (auto const& r : rows())
        known.emplace_back(r.name);
    known.insert(known.end(), {"idle", "beside"});
    for (auto const& n : names)
        if (std::ranges::find(known, n) == known.end()) {
            std::string list;
            for (auto const& k : known)
                list += " " + k;
            usage_error("--only: no row '" + n + "'; there are" + list);
        }
}

} // namespace

std::string text_of(std::vector<shown_goal> const& goals) {
    std::vector<std::vector<std::string>> lines{{"goals", "", ""}};
    for (auto const& g : goals)
        lines.push_back({"  " + g.what, g.asked, g.found + (g.reached ? "" : " missed")});
    return joined("\n", aligned(lines));
}

int table(options const& o) {
    check_names(o.only);
    // One processor for each server, as it has one CPU.
    setenv("FIBER_PROCS", "1", 1);
    setenv("GOMAXPROCS", "1", 1);
    std::signal(SIGPIPE, SIG_IGN); // a program that has ended is seen when it does not answer
    background_load const others;
    auto const status = measurement(o).run();
    std::cout << background_load::warning(others.share());
    return status;
}

} // namespace perf::net
