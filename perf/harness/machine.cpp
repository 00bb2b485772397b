// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/harness/machine.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string_view>

#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace perf {
namespace {

constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();

std::int64_t number_in(char const* path, std::int64_t otherwise) {
    std::int64_t n = 0;
    return std::ifstream(path) >> n ? n : otherwise;
}

// Returns the value of a "Key:   123 kB" line, as /proc writes it, in bytes.
std::int64_t bytes_after(char const* path, std::string_view key) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(key))
            return std::stoll(line.substr(key.size() + 1)) * 1024;
    throw std::runtime_error(std::string(path) + " has no " + std::string(key));
}

constexpr char const* compiler() {
#if defined(__clang__)
    return "clang++ " __clang_version__;
#else
    return "g++ " __VERSION__;
#endif
}

nanoseconds cpu_time_of(int who) {
    rusage r{};
    getrusage(who, &r);
    auto const sum = [](timeval a, timeval b) {
        return std::chrono::seconds(a.tv_sec + b.tv_sec) + std::chrono::microseconds(a.tv_usec + b.tv_usec);
    };
    return sum(r.ru_utime, r.ru_stime);
}

// Returns the CPU time since boot of all processes but this one and its children that have ended.
double others_seconds() {
    std::ifstream stat("/proc/stat");
    std::string label;
    std::int64_t user = 0, nice = 0, system = 0, idle = 0, waiting = 0, irq = 0, softirq = 0, stolen = 0;
    stat >> label >> user >> nice >> system >> idle >> waiting >> irq >> softirq >> stolen;
    auto const ticks = static_cast<double>(user + nice + system + irq + softirq + stolen);
    std::chrono::duration<double> const ours = cpu_time_of(RUSAGE_SELF) + cpu_time_of(RUSAGE_CHILDREN);
    return ticks / static_cast<double>(sysconf(_SC_CLK_TCK)) - ours.count();
}

} // namespace

unsigned cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    return static_cast<unsigned>(CPU_COUNT(&set));
}

std::string machine_line() {
    utsname u{};
    uname(&u);
    std::string model = std::string(u.machine) + " processor";
    std::ifstream cpuinfo("/proc/cpuinfo");
    for (std::string line; std::getline(cpuinfo, line);)
        if (line.starts_with("model name")) {
            model = line.substr(line.find(": ") + 2);
            break;
        }
    return std::to_string(cpus()) + " CPUs (" + model + "), " + u.sysname + " " + u.release + ", " +
           compiler();
}

std::int64_t thread_limit() {
    rlimit user{};
    getrlimit(RLIMIT_NPROC, &user);
    constexpr std::int64_t bytes_each =
        32 * 1024; // kernel stack and record, first pages of stack, page tables
    auto const least = std::min({
        number_in("/proc/sys/kernel/pid_max", unlimited),
        number_in("/proc/sys/kernel/threads-max", unlimited),
        number_in("/proc/sys/vm/max_map_count", unlimited) / 2, // a stack and its guard
        user.rlim_cur == RLIM_INFINITY ? unlimited : static_cast<std::int64_t>(user.rlim_cur),
    });
    return affordable(least / 10 * 9, bytes_each);
}

std::int64_t affordable(std::int64_t wanted, std::int64_t bytes_each) {
    return std::min(wanted, bytes_after("/proc/meminfo", "MemAvailable:") / 2 / bytes_each);
}

std::int64_t memory_in_use() {
    return bytes_after("/proc/self/smaps_rollup", "Rss:") + bytes_after("/proc/self/status", "VmPTE:");
}

nanoseconds cpu_time() { return cpu_time_of(RUSAGE_SELF); }

background_load::background_load() : start_(clock::now()), before_(others_seconds()) {}

double background_load::share() const {
    std::chrono::duration<double> const passed = clock::now() - start_;
    auto const all = passed.count() * static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
    return std::max(0.0, (others_seconds() - before_) / all);
}

std::string background_load::warning(double share) {
    constexpr double quiet = 0.05;
    if (share <= quiet)
        return "";
    return "\nThe machine was busy: others took " + std::to_string(std::lround(100 * share)) +
           " % of its CPUs' time meanwhile. Run it again when it is quiet.\n";
}

} // namespace perf
