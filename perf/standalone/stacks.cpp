// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What do the stacks of very many fibers cost, and does their memory come back? competitor_segmented, which
// has the same code, answers the questions about segments, where it is built.
#include "perf/competitors/fiber.hpp"
#include "perf/harness/format.hpp"
#include "perf/harness/machine.hpp"
#include "perf/harness/process.hpp"
#include "perf/harness/progress.hpp"
#include "perf/standalone/hot_split.hpp"
#include "perf/standalone/standalone.hpp"
#include "perf/workloads/park_all.hpp"

#include <fiber/runtime.hpp>
#include <fiber/wait_group.hpp>

#include <algorithm>
#include <alloca.h>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <vector>

#include <time.h>

namespace perf::standalone {
namespace {

constexpr std::chrono::seconds child_limit{600};

void stack_size(std::size_t kib) { setenv("FIBER_STACK_SIZE", std::to_string(kib * 1024).c_str(), 1); }

// Returns bytes of each fiber: resident memory and page tables.
double memory_of_each(std::int64_t fibers) {
    auto const before = memory_in_use();
    std::int64_t after = 0;
    auto const all = park_and_wake<competitors::fibers>(fibers, [&] { after = memory_in_use(); });
    return static_cast<double>(after - before) / static_cast<double>(all.tasks);
}

double with_256_kib(std::int64_t fibers) { return memory_of_each(fibers); }
double with_64_kib(std::int64_t fibers) {
    stack_size(64);
    return memory_of_each(fibers);
}

double time_of_each(std::int64_t fibers, nanoseconds parked_and_woken::*part) {
    auto const all = park_and_wake<competitors::fibers>(fibers, [] {});
    return static_cast<double>((all.*part).count()) / static_cast<double>(all.tasks);
}
double start_of_each(std::int64_t fibers) { return time_of_each(fibers, &parked_and_woken::parking); }
double end_of_each(std::int64_t fibers) { return time_of_each(fibers, &parked_and_woken::waking); }

double hot_split(std::int64_t calls) {
    return competitors::fibers::run([calls] { return cost_of_hot_split(calls); });
}

std::int64_t map_entries() {
    std::ifstream maps("/proc/self/maps");
    std::int64_t count = 0;
    for (std::string line; std::getline(maps, line);)
        ++count;
    return count;
}
double entries_of_all(std::int64_t fibers) {
    auto const before = map_entries();
    std::int64_t after = 0;
    park_and_wake<competitors::fibers>(fibers, [&] { after = map_entries(); });
    return static_cast<double>(after - before);
}

// Starts all fibers, waits until each has touched 128 KiB of its stack, and ends them.
void touch_128_kib(std::int64_t fibers) {
    competitors::fibers::run([fibers] {
        ::fiber::chan<bool> gate;
        ::fiber::wait_group here, ended;
        here.add(fibers);
        for (std::int64_t i = 0; i < fibers; ++i)
            ended.go([&here, gate] {
                constexpr std::size_t size = 128 * 1024, page = 4096;
                auto* const memory = static_cast<char volatile*>(alloca(size));
                for (std::size_t at = 0; at < size; at += page)
                    memory[at] = 1;
                here.done();
                static_cast<void>(gate.recv());
            });
        here.wait();
        gate.close();
        ended.wait();
    });
}

// Returns how many bytes are left after a trim, at most, in a hundred rounds.
double left_after_trim(std::int64_t fibers) {
    auto& runtime = ::fiber::runtime::global();
    runtime.run([] {});
    auto const before = memory_in_use();
    std::int64_t most = 0;
    for (int round = 0; round < 100; ++round) {
        touch_128_kib(fibers);
        runtime.trim();
        most = std::max(most, memory_in_use() - before);
    }
    return static_cast<double>(most);
}

double left_after_a_while(std::int64_t fibers) {
    ::fiber::run([] {});
    auto const before = memory_in_use();
    touch_128_kib(fibers);
    timespec const age_limit_twice{.tv_sec = 3, .tv_nsec = 0};
    nanosleep(&age_limit_twice, nullptr);
    return static_cast<double>(memory_in_use() - before);
}

enum class kind : bool { reserved, segmented };

struct question {
    kind on;
    std::string_view name, title, unit;
    double in_unit;
    std::int64_t fibers;
    std::string_view limit;
    double (*answer)(std::int64_t fibers);
};

constexpr double mib = 1024 * 1024;
constexpr question questions[] = {
    {kind::reserved, "default", "{} parked on default stacks: each", "B", 1, 1'000'000, "4,800",
     with_256_kib},
    {kind::reserved, "small", "{} parked on stacks of 64 KiB: each", "B", 1, 1'000'000, "4,400", with_64_kib},
    {kind::reserved, "entries", "their map entries, at the default size", "", 1, 1'000'000, "300",
     entries_of_all},
    {kind::reserved, "trimmed", "{} touched 128 KiB each, a hundred times: left after trim", "MiB", mib,
     10'000, "20", left_after_trim},
    {kind::reserved, "aged", "{} touched 128 KiB each: left after 3 s", "MiB", mib, 10'000, "20",
     left_after_a_while},
    {kind::segmented, "segmented", "{} parked on segments: each", "B", 1, 1'000'000, "2,500", memory_of_each},
    {kind::segmented, "started", "{} started on segments, until all are parked: each", "ns", 1, 1'000'000, "",
     start_of_each},
    {kind::segmented, "ended", "{} on segments woken, until all have ended: each", "ns", 1, 1'000'000, "",
     end_of_each},
    {kind::segmented, "split", "a call that takes a segment each time, {} times: more than another", "ns", 1,
     100'000, "4", hot_split},
};

} // namespace

std::vector<service::entry> stacks_entries() {
    return entries_of(
        questions, [](question const& q, std::int64_t fibers) { return outcome{.value = q.answer(fibers)}; });
}

int stacks(job const& work) {
    std::vector<std::vector<std::string>> lines{{"", "", "", "at most"}};
    int status = EXIT_SUCCESS;
    {
        progress shown;
        std::string const segmented = beside_this("competitor_segmented");
        for (auto const& q : questions) {
            if (q.on == kind::segmented && !std::filesystem::exists(segmented))
                continue;
            auto const fibers = affordable(work.quick ? q.fibers / 10 : q.fibers, 8 * 1024);
            auto const title = with_number(q.title, fibers);
            shown.now(title);
            auto const r = measure_in(q.on == kind::segmented ? segmented : this_program, q.name, fibers, 0,
                                      child_limit);
            if (r.ended != sample::status::measured) {
                shown.complain(joined("perf/run: ", q.name, " is BROKEN: ", r.why));
                status = EXIT_FAILURE;
                continue;
            }
            auto const value = r.found.value / q.in_unit;
            lines.push_back({title, value < 100 ? short_number(value) : grouped(std::llround(value)),
                             std::string(q.unit), std::string(q.limit)});
        }
    }
    std::cout << machine_line() << "; resident memory and page tables\n\n" << aligned(lines);
    return status;
}

} // namespace perf::standalone
