// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// cpu.hpp: how many CPUs this process may use.
#pragma once

#include "runtime/base/cgroup.hpp"

namespace fiber::rt {

// The least of the calling thread's affinity mask and of the CPU quota, rounded up, of this process's cgroup and all those
// above it. At least 1.
[[nodiscard]] unsigned usable_cpus();
// The same, by a caller that looks again and again.
[[nodiscard]] unsigned usable_cpus(cgroup_quotas&);
// Whether that was more than one when anybody last asked. Costs a load, the first time aside.
[[nodiscard]] bool several_cpus() noexcept;

} // namespace fiber::rt
