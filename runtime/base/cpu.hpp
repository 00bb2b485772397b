// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// cpu.hpp: how many CPUs this process may use.
#pragma once

#include <optional>
#include <string_view>

namespace fiber::rt {

// The least of the calling thread's affinity mask and of the CPU quota, rounded up, of this process's cgroup and all those
// above it. At least 1.
[[nodiscard]] unsigned usable_cpus();
// Whether that was more than one when anybody last asked. Costs a load, the first time aside.
[[nodiscard]] bool several_cpus() noexcept;

// For cgroup v2's cpu.max ("200000 100000"): the quota in CPUs, rounded up; none for "max …" and for what is
// no quota.
[[nodiscard]] std::optional<unsigned> cpus_of_quota(std::string_view cpu_max);

} // namespace fiber::rt
