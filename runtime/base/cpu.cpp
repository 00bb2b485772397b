// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/base/cpu.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <fcntl.h>
#include <sched.h>
#include <span>
#include <string>
#include <unistd.h>

namespace fiber::rt {
namespace {

// Zero until it has been counted. Not a static local: a thread that is in the middle of making one when another forks
// leaves it locked in the child.
constinit std::atomic<unsigned> last_count{0}; // relaxed: any number of threads may find it out

unsigned affinity_cpus() {
    std::array<cpu_set_t, 16>
        mask; // the kernel refuses one smaller than its own: 16,384 CPUs are more than it can have
    if (::sched_getaffinity(0, sizeof mask, mask.data()) == 0)
        return static_cast<unsigned>(std::max(1, CPU_COUNT_S(sizeof mask, mask.data())));
    return static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

// What a file begins with, as much as there is room for; empty: it cannot be read.
std::string_view beginning_of(char const* path, std::span<char> room) {
    int const fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return {};
    auto const n = ::read(fd, room.data(), room.size());
    ::close(fd);
    return {room.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
}

// This process's cgroup in the unified hierarchy, as a path below its mount; empty: none.
std::string own_cgroup() {
    std::array<char, 4096> room;
    std::string_view lines = beginning_of("/proc/self/cgroup", room);
    while (!lines.empty()) {
        std::string_view const line = lines.substr(0, lines.find('\n'));
        if (line.starts_with("0::"))
            return std::string(line.substr(3));
        lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    }
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
        std::array<char, 64> room;
        auto const line = beginning_of(("/sys/fs/cgroup" + at + "/cpu.max").c_str(), room);
        cpus = std::min(cpus, cpus_of_quota(line).value_or(cpus));
    }
    last_count.store(cpus, std::memory_order_relaxed);
    return cpus;
}

bool several_cpus() noexcept {
    unsigned const known = last_count.load(std::memory_order_relaxed);
    return (known != 0 ? known : usable_cpus()) > 1;
}

} // namespace fiber::rt
