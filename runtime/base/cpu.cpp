// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/base/cpu.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <fstream>
#include <sched.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace fiber::rt {
namespace {

unsigned affinity_cpus() {
    // The kernel refuses a mask smaller than its own, whose size it does not tell.
    for (std::size_t cpus = 1024; cpus <= std::size_t{1} << 20; cpus *= 4) {
        std::vector<cpu_set_t> mask(cpus / (8 * sizeof(cpu_set_t)));
        std::size_t const bytes = mask.size() * sizeof(cpu_set_t);
        if (::sched_getaffinity(0, bytes, mask.data()) == 0)
            return static_cast<unsigned>(std::max(1, CPU_COUNT_S(bytes, mask.data())));
    }
    return static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

// This process's cgroup in the unified hierarchy, as a path below its mount; empty: none.
std::string own_cgroup() {
    std::ifstream file("/proc/self/cgroup");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("0::"))
            return line.substr(3);
    return {};
}

} // namespace

std::optional<unsigned> cpus_of_quota(std::string_view text) {
    unsigned long long quota = 0, period = 0;
    char const* const end = text.data() + text.size();
    auto const first = std::from_chars(text.data(), end, quota);
    if (first.ec != std::errc{} || first.ptr == end || *first.ptr != ' ')
        return std::nullopt; // "max 100000"
    auto const second = std::from_chars(first.ptr + 1, end, period);
    if (second.ec != std::errc{} || period == 0)
        return std::nullopt;
    return static_cast<unsigned>(std::max(1ull, (quota + period - 1) / period));
}

unsigned usable_cpus() {
    unsigned cpus = affinity_cpus();
    // A quota anywhere above throttles all below, so each level counts.
    for (std::string at = own_cgroup(); !at.empty();
         at.resize(at.rfind('/') == std::string::npos ? 0 : at.rfind('/'))) {
        std::ifstream file("/sys/fs/cgroup" + at + "/cpu.max");
        std::string line;
        if (std::getline(file, line))
            cpus = std::min(cpus, cpus_of_quota(line).value_or(cpus));
    }
    return cpus;
}

// Not a static local: a thread that is in the middle of making one when another forks leaves it locked in the child.
bool several_cpus() noexcept {
    enum class answer : unsigned char { unknown, one, several };
    static constinit std::atomic<answer> known{
        answer::unknown}; // relaxed: any number of threads may find it out
    auto is = known.load(std::memory_order_relaxed);
    if (is == answer::unknown) [[unlikely]] {
        is = usable_cpus() > 1 ? answer::several : answer::one;
        known.store(is, std::memory_order_relaxed);
    }
    return is == answer::several;
}

} // namespace fiber::rt
