// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/harness/sample.hpp"

#include <benchmark/benchmark.h>
#include <fiber/runtime.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <sstream>
#include <utility>

namespace perf {
namespace {

// Threads and fibers that still run are not waited for: the record is all that counts.
[[noreturn]] void exit_now(int status) {
    std::fflush(nullptr);
    std::_Exit(status);
}

class median_only : public benchmark::BenchmarkReporter {
public:
    bool ReportContext(Context const&) override { return true; }
    void ReportRuns(std::vector<Run> const& runs) override {
        for (auto const& run : runs)
            if (run.aggregate_name == "median")
                ns_ = run.GetAdjustedRealTime();
    }
    double ns() const { return ns_; }

private:
    double ns_ = 0;
};

// Three repetitions: a hiccup of the machine while the library looks for the number of operations makes that
// number small, and would else be all that is left of this sample.
outcome measured(per_operation operations, job const& j) {
    constexpr double seconds = 0.1, quick_seconds = 0.03; // of each repetition
    benchmark::RegisterBenchmark("sample",
                                 [operations](benchmark::State& state) {
                                     // All in one batch: the library finds how large it must be, the workload
                                     // loops.
                                     auto const n = state.max_iterations;
                                     while (state.KeepRunningBatch(n))
                                         state.SetIterationTime(
                                             std::chrono::duration<double>(operations(n)).count());
                                 })
        ->UseManualTime()
        ->MinTime(j.quick ? quick_seconds : seconds)
        ->Repetitions(3)
        ->ReportAggregatesOnly();
    median_only reporter;
    benchmark::RunSpecifiedBenchmarks(&reporter);
    return {reporter.ns(), 0};
}

outcome measured(whole all, job const& j) { return all(j); }

} // namespace

void verify(bool right, std::string_view what) {
    if (right)
        return;
    std::fprintf(stdout, "broken not true: %.*s\n", static_cast<int>(what.size()), what.data());
    exit_now(EXIT_FAILURE);
}

void cannot(std::string_view why, std::int64_t parties) {
    std::fprintf(stdout, "parties %lld\nimpossible %.*s\n", static_cast<long long>(parties),
                 static_cast<int>(why.size()), why.data());
    exit_now(EXIT_SUCCESS);
}

void measure_and_exit(measurement const& m, job const& j, std::string_view rival) {
    try {
        auto const found = std::visit([&](auto f) { return measured(f, j); }, m);
        if (rival == "fibers")
            std::printf("processors %u\n", ::fiber::runtime::global().processors());
        std::printf("parties %lld\nvalue %.17g\n", static_cast<long long>(found.parties), found.value);
    } catch (std::exception const& e) {
        std::printf("broken %s\n", e.what());
        exit_now(EXIT_FAILURE);
    }
    exit_now(EXIT_SUCCESS);
}

sample read_record(std::string const& text) {
    sample s{.why = "no result"};
    std::istringstream lines(text);
    for (std::string key; lines >> key;) {
        if (key == "parties") {
            lines >> s.found.parties;
        } else if (key == "processors") {
            lines >> s.processors;
        } else if (key == "value") {
            lines >> s.found.value;
            s.ended = sample::status::measured;
        } else {
            std::getline(lines >> std::ws, s.why);
            s.ended = key == "impossible" ? sample::status::impossible : sample::status::broken;
        }
    }
    return s;
}

} // namespace perf
