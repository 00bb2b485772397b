// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a sleep cost when a hundred thousand parties sleep at once? CPU time, all threads' user and
// system: the wall clock mostly shows how long the sleeps are. All start from one gate, then each sleeps five
// times, 1 to 50 ms.
#include "perf/harness/machine.hpp"
#include "perf/parties.hpp"
#include "perf/rivals/fiber.hpp"
#include "perf/rivals/pthread.hpp"

#include <atomic>

namespace perf {
namespace {

constexpr std::int64_t wanted = 100'000;
constexpr std::uint64_t sleeps = 5;

// Spread over the range, the same for both rivals.
std::chrono::milliseconds how_long(std::uint64_t party, std::uint64_t round) {
    return std::chrono::milliseconds(1 + (party * 2654435761U + round * 40503U) % 50);
}

template <class Rival>
outcome sleep_at_once(job const&) {
    return Rival::run([] {
        auto const goal = affordable(wanted, 8 * 1024);
        typename Rival::template chan<bool> gate(0);
        countdown<Rival> ready(goal), done(goal);
        std::atomic<std::uint64_t> number = 0, early = 0;
        auto const started = start_as_many<Rival>(goal, [&] {
            auto const self = number.fetch_add(1);
            ready.count_down();
            while (gate.recv()) {
            }
            for (std::uint64_t round = 0; round < sleeps; ++round) {
                auto const start = clock::now();
                Rival::sleep_for(how_long(self, round));
                if (clock::now() - start < how_long(self, round))
                    early.fetch_add(1);
            }
            done.count_down();
        });
        ready.count_down(goal - started);
        done.count_down(goal - started);
        ready.wait();
        auto const before = cpu_time();
        gate.close();
        done.wait();
        auto const spent = cpu_time() - before;
        verify(number == static_cast<std::uint64_t>(started) && early == 0, "all slept, and none too short");
        return outcome{static_cast<double>(spent.count()) /
                           static_cast<double>(started * std::int64_t(sleeps)),
                       started};
    });
}

} // namespace

workload const sleepers{"sleepers", "{} sleepers at once: CPU time a sleep", sleep_at_once<rival::pthreads>,
                        sleep_at_once<rival::fibers>};

} // namespace perf
