// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a runtime do while ten thousand fibers wait and nothing happens? Context switches of its threads,
// and CPU time.
#include "perf/harness/format.hpp"
#include "perf/harness/machine.hpp"
#include "perf/harness/process.hpp"
#include "perf/harness/progress.hpp"
#include "perf/standalone/standalone.hpp"

#include <fiber/chan.hpp>
#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <vector>

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

namespace perf::standalone {
namespace {

constexpr std::int64_t parked = 10'000;
constexpr std::chrono::seconds child_limit{60};
constexpr std::chrono::milliseconds settling{3000}; // until idle stacks have given their memory back

// Returns how often one thread gave up its CPU, or lost it, by the kernel's count.
std::int64_t switches_of(std::filesystem::path const& task) {
    std::ifstream status(task / "status");
    std::int64_t sum = 0;
    for (std::string line; std::getline(status, line);)
        if (auto const at = line.find("voluntary_ctxt_switches:"); at != line.npos)
            sum += std::stoll(line.substr(line.find(':') + 1));
    return sum;
}

struct activity {
    std::int64_t switches = 0; // of all threads but the caller
    nanoseconds cpu{};         // of the same threads
    std::int64_t threads = 0;
};

activity of_the_others() {
    activity all;
    auto const self = std::to_string(gettid());
    for (auto const& task : std::filesystem::directory_iterator("/proc/self/task"))
        if (task.path().filename() != self) {
            all.switches += switches_of(task.path());
            ++all.threads;
        }
    timespec own{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own);
    all.cpu = cpu_time() - std::chrono::seconds(own.tv_sec) - nanoseconds(own.tv_nsec);
    return all;
}

// For a thread that belongs to no runtime.
void sleep_outside(nanoseconds time) {
    timespec const t{.tv_sec = time.count() / 1'000'000'000, .tv_nsec = time.count() % 1'000'000'000};
    nanosleep(&t, nullptr);
}

void receive() {
    static ::fiber::chan<bool> const never(0);
    static_cast<void>(never.recv());
}

void sleep() { ::fiber::this_fiber::sleep_for(std::chrono::hours(1)); }

[[noreturn]] void tick() {
    for (;;)
        ::fiber::this_fiber::sleep_for(std::chrono::milliseconds(10));
}

// What all fibers but one do, and what the last one does.
struct scene {
    std::string_view name, title;
    void (*most)();
    void (*last)();
};

constexpr scene scenes[] = {
    {"receive", "all in a receive", receive, receive},
    {"sleep", "all in a sleep of an hour", sleep, sleep},
    {"tick", "all but one, that sleeps 10 ms again and again", receive, tick},
};

// Returns context switches as the value, CPU time, and threads as the tasks.
outcome measure(scene const& s, std::int64_t seconds) {
    for (std::int64_t i = 1; i < parked; ++i)
        ::fiber::go(s.most);
    ::fiber::go(s.last);
    auto& runtime = ::fiber::runtime::global();
    while (runtime.stats().fibers_parked < static_cast<std::size_t>(parked - 1))
        sleep_outside(settling);
    sleep_outside(settling);
    auto const before = of_the_others();
    sleep_outside(std::chrono::seconds(seconds));
    auto const after = of_the_others();
    auto const cpu = std::max(after.cpu - before.cpu, nanoseconds(0)); // getrusage rounds to microseconds
    return {.value = static_cast<double>(after.switches - before.switches),
            .tasks = after.threads,
            .cpu = static_cast<double>(cpu.count())};
}

} // namespace

std::vector<service::entry> idle_entries() { return entries_of(scenes, measure); }

int idle(job const& work) {
    std::int64_t const seconds = work.quick ? 2 : 10;
    std::vector<std::vector<std::string>> lines{{"", "context switches", "CPU ms", "threads"}};
    int status = EXIT_SUCCESS;
    {
        progress shown;
        for (auto const& s : scenes) {
            shown.now(joined(s.title, ", ", seconds, " s"));
            auto const r = measure_in(this_program, s.name, seconds, 0, child_limit);
            if (r.ended == sample::status::measured) {
                lines.push_back({std::string(s.title), grouped(std::llround(r.found.value)),
                                 short_number(r.found.cpu / 1e6), std::to_string(r.found.tasks)});
            } else {
                shown.complain("perf/run: idle is BROKEN: " + r.why);
                status = EXIT_FAILURE;
            }
        }
    }
    std::cout << machine_line() << '\n'
              << grouped(parked) << " fibers parked for " << seconds
              << " s: what the runtime's threads did meanwhile\n\n"
              << aligned(lines);
    return status;
}

} // namespace perf::standalone
