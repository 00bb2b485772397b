// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// How long do fibers wait when others hold the processors? The others block in a plain system call, run a
// loop that never yields, or do nothing but start fibers.
#include "perf/harness/format.hpp"
#include "perf/harness/machine.hpp"
#include "perf/harness/process.hpp"
#include "perf/harness/progress.hpp"
#include "perf/standalone/standalone.hpp"

#include <fiber/chan.hpp>
#include <fiber/go.hpp>
#include <fiber/runtime.hpp>
#include <fiber/wait_group.hpp>

#include <atomic>
#include <iostream>
#include <vector>

#include <poll.h>
#include <time.h>

namespace perf::standalone {
namespace {

constexpr std::chrono::seconds child_limit{10};
constexpr std::chrono::milliseconds blocked_for{300};

void spin(std::int64_t rounds) {
    for (std::int64_t i = 0; i < rounds; ++i)
        asm volatile(""); // keeps the loop
}

// Returns how many rounds of spin take a millisecond of CPU time.
std::int64_t rounds_of_a_millisecond() {
    constexpr std::int64_t rounds = 10'000'000;
    auto const start = clock::now();
    spin(rounds);
    return rounds * 1'000'000 / (clock::now() - start).count();
}

nanoseconds sleeper(unsigned others) {
    auto const rounds = rounds_of_a_millisecond();
    return ::fiber::run([=] {
        ::fiber::wait_group done;
        auto const start = clock::now();
        ::fiber::go([] {
            timespec const t{.tv_sec = 0, .tv_nsec = nanoseconds(blocked_for).count()};
            nanosleep(&t, nullptr);
        });
        ::fiber::this_fiber::yield(); // to the fiber that blocks
        done.add(others);
        for (unsigned i = 0; i < others; ++i)
            ::fiber::go([&] {
                spin(rounds);
                done.done();
            });
        done.wait();
        return nanoseconds(clock::now() - start);
    });
}

nanoseconds endless_loop(unsigned) {
    return ::fiber::run([] {
        std::atomic<bool> spinning = false, enough = false;
        auto const start = clock::now();
        ::fiber::thread loop([&] {
            spinning = true;
            while (!enough.load(std::memory_order_relaxed)) {
            }
        });
        while (!spinning)
            ::fiber::this_fiber::yield(); // to the fiber that loops; the question is when this returns
        enough = true;
        loop.join();
        return nanoseconds(clock::now() - start);
    });
}

nanoseconds endless_starts(unsigned) {
    return ::fiber::run([] {
        std::atomic<bool> enough = false;
        ::fiber::chan<int> wake(1);
        ::fiber::thread other([&] {
            static_cast<void>(wake.recv());
            enough = true;
        });
        ::fiber::this_fiber::yield(); // to the fiber that waits
        auto const start = clock::now();
        wake.send(1);
        while (!enough.load(std::memory_order_relaxed))
            ::fiber::go([] {});
        auto const took = clock::now() - start;
        other.join();
        return nanoseconds(took);
    });
}

nanoseconds pollers(unsigned others) {
    return ::fiber::run([=] {
        ::fiber::wait_group done;
        auto const start = clock::now();
        for (int i = 0; i < 200; ++i)
            ::fiber::go([] { poll(nullptr, 0, static_cast<int>(blocked_for.count())); });
        ::fiber::this_fiber::yield();
        done.add(others);
        for (unsigned i = 0; i < others; ++i)
            ::fiber::go([&] { done.done(); });
        done.wait();
        return nanoseconds(clock::now() - start);
    });
}

struct question {
    std::string_view name, title, ideal;
    unsigned processors, others;
    nanoseconds (*work)(unsigned others);
};

constexpr question questions[] = {
    {"sleeper", "one in nanosleep, 300 ms: until 50 others worked 1 ms each", "50 ms", 1, 50, sleeper},
    {"endless_loop", "one in a loop until another sets a flag: until its end", "0 ms", 1, 0, endless_loop},
    {"endless_starts", "one that starts others until one it has woken sets a flag: until its end", "0 ms", 1,
     0, endless_starts},
    {"pollers", "200 in poll, 300 ms: until 1,000 others ended", "0 ms", 2, 1'000, pollers},
};

} // namespace

std::vector<service::entry> blocked_entries() {
    return entries_of(questions, [](question const& q, std::int64_t) { return whole(q.work(q.others)); });
}

int blocked(job const&) {
    std::vector<std::vector<std::string>> lines{{"", "processors", "took", "at best"}};
    int status = EXIT_SUCCESS;
    {
        progress shown;
        for (auto const& q : questions) {
            shown.now(q.title);
            auto const s = measure_in(this_program, q.name, 0, q.processors, child_limit);
            bool const ended = s.ended == sample::status::measured;
            if (!ended)
                status = EXIT_FAILURE;
            auto const text = ended ? in_unit(s.found.value, {"ms", 1e6}) : s.why;
            lines.push_back({std::string(q.title), std::to_string(q.processors), text, std::string(q.ideal)});
        }
    }
    std::cout << machine_line() << "\n\n" << aligned(lines);
    return status;
}

} // namespace perf::standalone
