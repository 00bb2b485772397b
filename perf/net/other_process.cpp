// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/net/other_process.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <time.h>

namespace perf::net {
namespace {

std::string directory_of(pid_t process) { return "/proc/" + std::to_string(process); }

// Returns the sum of the numbers after all keys that end so, in lines of "key:  123".
std::int64_t sum_after(std::filesystem::path const& file, std::string_view key_end) {
    std::ifstream in(file);
    std::int64_t sum = 0;
    for (std::string line; std::getline(in, line);)
        if (auto const colon = line.find(':'); std::string_view(line).substr(0, colon).ends_with(key_end))
            sum += std::stoll(line.substr(colon + 1));
    return sum;
}

std::filesystem::directory_iterator threads_in(pid_t process) {
    return std::filesystem::directory_iterator(directory_of(process) + "/task");
}

} // namespace

nanoseconds cpu_time_of(pid_t process) {
    clockid_t clock{};
    timespec t{};
    if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &t) != 0)
        throw std::runtime_error("no CPU time of process " + std::to_string(process));
    return std::chrono::seconds(t.tv_sec) + nanoseconds(t.tv_nsec);
}

std::int64_t memory_of(pid_t process) {
    auto const kilobytes = sum_after(directory_of(process) + "/smaps_rollup", "Rss") +
                           sum_after(directory_of(process) + "/status", "VmPTE");
    return kilobytes * 1024;
}

std::int64_t switches_of(pid_t process) {
    std::int64_t sum = 0;
    for (auto const& thread : threads_in(process))
        sum += sum_after(thread.path() / "status", "voluntary_ctxt_switches");
    return sum;
}

std::int64_t threads_of(pid_t process) { return std::distance(threads_in(process), {}); }

bool is_traced(pid_t process) {
    return std::all_of(threads_in(process), {}, [](auto const& thread) {
        return sum_after(thread.path() / "status", "TracerPid") != 0;
    });
}

} // namespace perf::net
