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
#include <utility>
#include <vector>

namespace fiber::rt {

// The quotas that hold for this process, looked at again and again. /proc/self/mountinfo can be long, so the groups are
// remembered. They are looked for anew when
//   the process is in other groups     /proc/self/cgroup, which each look reads, says something else then
//   a group has gone, or a mount       a file that could be read cannot be read any more
//   a hierarchy has been mounted       at each 60th look
// One caller at a time.
class cgroup_quotas {
public:
    // `root` comes before each path, for tests.
    explicit cgroup_quotas(std::string root = {}) : root_(std::move(root)) {}

    // The smallest quota, in CPUs and rounded up, of this process's groups and of all those above them that can be seen:
    // each throttles all that is below it. Nothing: no limit. Throws std::bad_alloc.
    [[nodiscard]] std::optional<unsigned> cpus();

private:
    static constexpr unsigned reads_between_scans = 59;

    struct group {
        std::string directory;
        bool unified;
        bool has_files; // at the last look
    };
    struct sample {
        std::optional<unsigned> min;
        bool vanished = false;
    };
    void find_groups(std::string member_of);
    [[nodiscard]] sample read_quotas();

    std::string const root_;
    std::string member_of_; // what /proc/self/cgroup said when groups_ were found
    std::vector<group> groups_;
    unsigned reads_left_ = 0;
};

// For "200000 100000": the first by the second, rounded up, at least 1; none for "max …", "-1 …" and for what is no quota.
[[nodiscard]] std::optional<unsigned> cpus_of_quota(std::string_view quota_and_period);

} // namespace fiber::rt
