// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// cgroup.hpp: how much CPU time the kernel leaves to this process's control groups.
//   hierarchy       of all controllers (v2)        of the controller `cpu` (v1), in v1 and hybrid set-ups
//   own group       "0::PATH" in                   "N:…cpu…:PATH" in /proc/self/cgroup
//   is mounted at   a line of type cgroup2 in      one of type cgroup, with `cpu` among its options, in /proc/self/mountinfo
//   quota           cpu.max                        cpu.cfs_quota_us, cpu.cfs_period_us
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fiber::rt {

// The smallest quota, in CPUs and rounded up, of this process's groups and of all those above them that can be seen: each
// throttles all that is below it. None: no limit. `root` comes before each path, for tests. Throws std::bad_alloc.
[[nodiscard]] std::optional<unsigned> cpus_of_cgroups(std::string const& root = {});

// For "200000 100000": the first by the second, rounded up, at least 1; none for "max …", "-1 …" and for what is no quota.
[[nodiscard]] std::optional<unsigned> cpus_of_quota(std::string_view quota_and_period);

} // namespace fiber::rt
