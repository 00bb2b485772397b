// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// processors_follow_cpus: the processors of a busy runtime follow the number of CPUs of the process,
// unless their number was set. A separate program, because it changes the CPUs of all threads.

// env: FIBER_PROCS=
// stdout: fewer CPUs: followed
// stdout: more CPUs: followed
// stdout: told how many: as told

#include <fiber/fiber.hpp>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <sched.h>
#include <string>

namespace {

using namespace std::chrono_literals;

cpu_set_t cpus_of_this_thread() {
    cpu_set_t set;
    ::sched_getaffinity(0, sizeof set, &set);
    return set;
}

cpu_set_t first_of(cpu_set_t const& all) {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::size_t cpu = 0;
    while (!CPU_ISSET(cpu, &all))
        ++cpu;
    CPU_SET(cpu, &set);
    return set;
}

// Changes the affinity of each thread, as taskset -a does.
void use_only(cpu_set_t const& set) {
    for (auto const& thread : std::filesystem::directory_iterator("/proc/self/task"))
        ::sched_setaffinity(std::stoi(thread.path().filename()), sizeof set, &set);
}

// Waits in a fiber of each runtime, which keeps every runtime busy.
template <class Condition>
char const* within_30_s(Condition const& holds, auto&... runtimes) {
    auto const give_up = std::chrono::steady_clock::now() + 30s;
    while (!holds() && std::chrono::steady_clock::now() < give_up)
        (runtimes.run([] { fiber::this_fiber::sleep_for(1ms); }), ...);
    return holds() ? "followed" : "not followed";
}

} // namespace

int main() {
    auto const all = cpus_of_this_thread();
    fiber::runtime follows, told({.processors = 3}), told_later;
    told_later.set_processors(3);
    unsigned const before = follows.processors();

    use_only(first_of(all));
    std::printf("fewer CPUs: %s\n",
                within_30_s([&] { return follows.processors() == 1; }, follows, told, told_later));
    use_only(all);
    std::printf("more CPUs: %s\n",
                within_30_s([&] { return follows.processors() == before; }, follows, told, told_later));
    bool const as_told = told.processors() == 3 && told_later.processors() == 3;
    std::printf("told how many: %s\n", as_told ? "as told" : "not as told");
}
