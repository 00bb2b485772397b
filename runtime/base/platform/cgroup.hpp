// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// cgroup.hpp: how much CPU time the kernel grants to the control groups of this process.
//   hierarchy    all controllers (v2)      the controller `cpu` (v1), also in hybrid set-ups
//   own group    "0::PATH"                 "N:…cpu…:PATH"; both in /proc/self/cgroup
//   mounted at   a line of type cgroup2    a line of type cgroup with `cpu` among its options; both
//                                          in /proc/self/mountinfo
//   quota        cpu.max                   cpu.cfs_quota_us, cpu.cfs_period_us
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fiber::rt {

// The quotas that apply to this process, read repeatedly. /proc/self/mountinfo can be long, so the
// groups are cached. They are searched again when
//   the process has moved to other groups   /proc/self/cgroup, which each read includes, has changed
//   a group or a mount has gone             a file that could be read cannot be read any more
//   a hierarchy has been mounted            found at each 60th read
// One caller at a time.
class cgroup_quotas {
public:
    // `root` is put in front of each path, for tests.
    explicit cgroup_quotas(std::string root = {}) : root_(std::move(root)) {}

    // Returns the smallest quota, in CPUs and rounded up, of this process's groups and all their
    // visible ancestors: each throttles everything below it. Returns nothing if there is no limit.
    // Throws std::bad_alloc.
    [[nodiscard]] std::optional<unsigned> cpus();

private:
    static constexpr unsigned reads_between_scans = 59;

    struct group {
        std::string directory;
        bool unified;
        bool has_files; // at the last read
    };
    struct sample {
        std::optional<unsigned> min;
        bool vanished = false;
    };
    void find_groups(std::string member_of);
    [[nodiscard]] sample read_quotas();

    std::string const root_;
    std::string member_of_; // the contents of /proc/self/cgroup when groups_ were found
    std::vector<group> groups_;
    unsigned reads_left_ = 0;
};

// Parses "200000 100000": returns the first number divided by the second, rounded up, at least 1.
// Returns nothing for "max …", "-1 …" and text that is no quota.
[[nodiscard]] std::optional<unsigned> cpus_of_quota(std::string_view quota_and_period);

} // namespace fiber::rt
