// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// How much memory does a parked party take: resident and page tables, of a process that has just started a
// million?
#include "perf/harness/machine.hpp"
#include "perf/parties.hpp"
#include "perf/rivals/fiber.hpp"
#include "perf/rivals/pthread.hpp"

#include <atomic>

namespace perf {
namespace {

constexpr std::int64_t wanted = 1'000'000;
constexpr std::chrono::milliseconds settling{200}; // until the last ones have gone from "here" to parked

template <class Rival>
outcome park_many(job const&) {
    return Rival::run([] {
        auto const goal = affordable(wanted, 8 * 1024);
        typename Rival::template chan<bool> gate(0);
        countdown<Rival> here(goal), ended(goal);
        std::atomic<std::int64_t> woken = 0;
        auto const before = memory_in_use();
        auto const started = start_as_many<Rival>(goal, [&] {
            here.count_down();
            if (!gate.recv())
                woken.fetch_add(1);
            ended.count_down();
        });
        here.count_down(goal - started);
        ended.count_down(goal - started);
        here.wait();
        Rival::sleep_for(settling);
        auto const after = memory_in_use();
        gate.close();
        ended.wait();
        verify(woken == started, "every parked one woke up and ended");
        return outcome{static_cast<double>(after - before) / static_cast<double>(started), started};
    });
}

} // namespace

workload const parked_memory{"memory", "{} parked: memory of each", park_many<rival::pthreads>,
                             park_many<rival::fibers>, quantity::memory};

} // namespace perf
