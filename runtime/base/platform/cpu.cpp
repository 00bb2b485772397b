// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// cpu.cpp: counts CPUs by affinity mask and quota, and remembers the last count.
#include "runtime/base/platform/cpu.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <sched.h>
#include <unistd.h>

namespace fiber::rt {
namespace {

// Zero until the CPUs have been counted. A static local would not do: if another thread forks while
// one thread initialises it, it stays locked in the child.
// relaxed: several threads may count the CPUs, with the same result.
constinit std::atomic<unsigned> last_count{0};

unsigned affinity_cpus() {
    // The kernel refuses a mask smaller than its own, which has at most 16,384 CPUs.
    std::array<cpu_set_t, 16> mask;
    if (::sched_getaffinity(0, sizeof mask, mask.data()) == 0)
        return static_cast<unsigned>(std::max(1, CPU_COUNT_S(sizeof mask, mask.data())));
    return static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

} // namespace

unsigned usable_cpus(cgroup_quotas& quotas) {
    unsigned cpus = affinity_cpus();
    cpus = std::min(cpus, quotas.cpus().value_or(cpus));
    last_count.store(cpus, std::memory_order_relaxed);
    return cpus;
}

unsigned usable_cpus() {
    cgroup_quotas quotas;
    return usable_cpus(quotas);
}

bool several_cpus() noexcept {
    unsigned const known = last_count.load(std::memory_order_relaxed);
    return (known != 0 ? known : usable_cpus()) > 1;
}

} // namespace fiber::rt
