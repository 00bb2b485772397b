// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/harness/repeat.hpp"

#include <benchmark/benchmark.h>

#include <chrono>
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

} // namespace

// Three repetitions. A pause of the machine while the library looks for the number of operations makes that
// number small. One repetition would then be the whole sample.
outcome repeat(std::function<nanoseconds(std::int64_t)> operations, bool quick) {
    constexpr double seconds = 0.1, quick_seconds = 0.03; // of each repetition
    auto const body = [&operations](benchmark::State& state) {
        // All in one batch: the library finds how large it must be, the workload loops.
        auto const n = state.max_iterations;
        while (state.KeepRunningBatch(n))
            state.SetIterationTime(std::chrono::duration<double>(operations(n)).count());
    };
    benchmark::RegisterBenchmark("sample", body)
        ->UseManualTime()
        ->MinTime(quick ? quick_seconds : seconds)
        ->Repetitions(3)
        ->ReportAggregatesOnly();
    median_only reporter;
    benchmark::RunSpecifiedBenchmarks(&reporter);
    return {.value = reporter.ns()};
}

} // namespace perf
