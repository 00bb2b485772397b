// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// cpu.hpp: how many CPUs this process may use.
#pragma once

#include "runtime/base/platform/cgroup.hpp"

namespace fiber::rt {

// Returns the number of CPUs that this process may use, at least 1. It is the minimum of the
// calling thread's affinity mask and the CPU quotas, rounded up, of this process's cgroup and all
// its ancestors.
[[nodiscard]] unsigned usable_cpus();
// Returns the same; for a caller that asks repeatedly.
[[nodiscard]] unsigned usable_cpus(cgroup_quotas&);
// Returns true if usable_cpus() returned more than 1 at its last call by any thread. Costs a load,
// except for the first call.
[[nodiscard]] bool several_cpus() noexcept;

} // namespace fiber::rt
