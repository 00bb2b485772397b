// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/harness/sample.hpp"

#include "perf/harness/record.hpp"

#include <benchmark/benchmark.h>
#include <fiber/runtime.hpp>

#include <chrono>
#include <exception>
#include <variant>
#include <vector>

namespace perf {
namespace {

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
    return {.value = reporter.ns()};
}

outcome measured(whole all, job const& j) { return all(j); }

} // namespace

void measure_and_exit(measurement const& m, job const& j, std::string_view rival) {
    try {
        auto const found = std::visit([&](auto f) { return measured(f, j); }, m);
        report_and_exit(found, rival == "fibers" ? ::fiber::runtime::global().processors() : 0);
    } catch (std::exception const& e) {
        broken(e.what());
    }
}

} // namespace perf
