// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// cgroup_test.cpp: rt::cgroup_quotas: the number of CPUs that cgroups allow, read from files that
// the test makes.

#include "runtime/base/platform/cgroup.hpp"
#include "runtime/base/platform/cpu.hpp"

#include "tests/support/catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace {

namespace rt = fiber::rt;

// A fake /proc and /sys in a temporary directory.
class files {
public:
    files() {
        std::string name = std::filesystem::temp_directory_path() / "fiber-cgroup-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        root = name;
    }
    files(files const&) = delete;
    files& operator=(files const&) = delete;
    ~files() { std::filesystem::remove_all(root); }

    files& with(std::string const& path, std::string const& text) {
        std::filesystem::path const at = root + path;
        std::filesystem::create_directories(at.parent_path());
        std::ofstream(at) << text;
        return *this;
    }
    files& without(std::string const& path) {
        std::filesystem::remove_all(root + path);
        return *this;
    }
    [[nodiscard]] std::optional<unsigned> cpus() const { return looked_at_again().cpus(); }
    [[nodiscard]] rt::cgroup_quotas looked_at_again() const { return rt::cgroup_quotas(root); }

private:
    std::string root;
};

std::string const others = "22 27 0:21 / /proc rw,nosuid - proc proc rw\n"
                           "27 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw,discard\n";

} // namespace

TEST_CASE("a quota becomes a number of CPUs", "[cpu]") {
    CHECK(rt::cpus_of_quota("200000 100000") == 2u);
    CHECK(rt::cpus_of_quota("150000 100000") == 2u);
    CHECK(rt::cpus_of_quota("1000 100000") == 1u);
    CHECK(rt::cpus_of_quota("max 100000") == std::nullopt);
    CHECK(rt::cpus_of_quota("-1 100000") == std::nullopt);
    CHECK(rt::cpus_of_quota("") == std::nullopt);
    CHECK(rt::cpus_of_quota("100000") == std::nullopt);
    CHECK(rt::cpus_of_quota("100000 0") == std::nullopt);
    CHECK(rt::usable_cpus() >= 1);
}

TEST_CASE("the smallest quota of a process's cgroup and its ancestors counts", "[cpu]") {
    files unified;
    unified
        .with("/proc/self/mountinfo",
              others + "31 23 0:28 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n")
        .with("/proc/self/cgroup", "0::/a.slice/b.service\n");
    CHECK(unified.cpus() == std::nullopt);
    unified.with("/sys/fs/cgroup/a.slice/b.service/cpu.max", "800000 100000\n");
    CHECK(unified.cpus() == 8u);
    unified.with("/sys/fs/cgroup/a.slice/cpu.max", "250000 100000\n");
    CHECK(unified.cpus() == 3u);
    unified.with("/sys/fs/cgroup/cpu.max", "max 100000\n")
        .with("/sys/fs/cgroup/other/cpu.max", "100000 100000\n");
    CHECK(unified.cpus() == 3u);
    unified.with("/proc/self/cgroup", "0::/\n").with("/sys/fs/cgroup/cpu.max", "100000 100000\n");
    CHECK(unified.cpus() == 1u);
}

TEST_CASE("a quota is found in a separate hierarchy of the cpu controller", "[cpu]") {
    files own;
    own.with("/proc/self/mountinfo",
             others + "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
                      "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
                      "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n")
        .with("/proc/self/cgroup", "3:cpuset:/\n2:cpu,cpuacct:/a/b\n0::/c\n")
        .with("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "50000\n")
        .with("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n")
        .with("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "50000\n")
        .with("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "200000\n");
    CHECK(own.cpus() == 4u);
    own.with("/sys/fs/cgroup/unified/c/cpu.max", "300000 100000");
    CHECK(own.cpus() == 3u);
}

TEST_CASE("the quota of a container's cgroup counts if the cgroup is the mounted root", "[cpu]") {
    files container;
    container
        .with("/proc/self/mountinfo", others + "31 23 0:28 /pod/one /sys/fs/cgroup ro - cgroup2 cgroup ro\n")
        .with("/proc/self/cgroup", "0::/pod/one/inner\n")
        .with("/sys/fs/cgroup/cpu.max", "500000 100000\n");
    CHECK(container.cpus() == 5u);
    container.with("/sys/fs/cgroup/inner/cpu.max", "200000 100000\n");
    CHECK(container.cpus() == 2u);
    container.with("/proc/self/cgroup",
                   // the process is elsewhere: the visible cgroups are above or beside it
                   "0::/pod/one2\n");
    CHECK(container.cpus() == 5u);
    container.with("/proc/self/cgroup", "0::/../two\n");
    CHECK(container.cpus() == 5u);
}

TEST_CASE("a changed quota is seen although the mounts are not read again", "[cpu]") {
    files f;
    f.with("/proc/self/mountinfo", others + "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
        .with("/proc/self/cgroup", "0::/a/b\n")
        .with("/sys/fs/cgroup/a/b/cpu.max", "800000 100000\n");
    auto quotas = f.looked_at_again();
    CHECK(quotas.cpus() == 8u);
    f.without("/proc/self/mountinfo").with("/sys/fs/cgroup/a/b/cpu.max", "300000 100000\n");
    CHECK(quotas.cpus() == 3u);
    // The controller is now enabled in the parent, too.
    f.with("/sys/fs/cgroup/a/cpu.max", "100000 100000\n");
    CHECK(quotas.cpus() == 1u);
}

TEST_CASE("the quota of a new cgroup counts after the process has moved there", "[cpu]") {
    files f;
    f.with("/proc/self/mountinfo", others + "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
                                            "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n")
        .with("/proc/self/cgroup", "2:cpu:/\n0::/a/b\n")
        .with("/sys/fs/cgroup/a/b/cpu.max", "800000 100000\n")
        .with("/sys/fs/cgroup/a/c/cpu.max", "500000 100000\n")
        .with("/sys/fs/cgroup/cpu/d/cpu.cfs_quota_us", "200000\n")
        .with("/sys/fs/cgroup/cpu/d/cpu.cfs_period_us", "100000\n");
    auto quotas = f.looked_at_again();
    CHECK(quotas.cpus() == 8u);
    f.with("/proc/self/cgroup", "2:cpu:/\n0::/a/c\n");
    CHECK(quotas.cpus() == 5u);
    f.with("/proc/self/cgroup", "2:cpu:/d\n0::/a/c\n");
    CHECK(quotas.cpus() == 2u);
    f.with("/proc/self/cgroup", "2:cpu:/\n0::/a/b\n");
    CHECK(quotas.cpus() == 8u);
}

TEST_CASE("cgroups are found again after a mount at another place", "[cpu]") {
    files f;
    f.with("/proc/self/mountinfo", others + "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
        .with("/proc/self/cgroup", "0::/a\n")
        .with("/sys/fs/cgroup/a/cpu.max", "800000 100000\n");
    auto quotas = f.looked_at_again();
    CHECK(quotas.cpus() == 8u);
    f.without("/sys/fs/cgroup")
        .with("/proc/self/mountinfo", others + "31 23 0:28 / /cgroup rw - cgroup2 cgroup2 rw\n")
        .with("/cgroup/a/cpu.max", "300000 100000\n");
    CHECK(quotas.cpus() == 3u);
    f.with("/proc/self/mountinfo", others + "31 23 0:28 / /cgroup rw - cgroup2 cgroup2 rw\n"
                                            "32 31 0:29 / /cgroup/cpu rw - cgroup cgroup rw,cpu\n")
        .with("/proc/self/cgroup", "2:cpu:/\n0::/a\n")
        .with("/cgroup/cpu/cpu.cfs_quota_us", "100000\n")
        .with("/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    CHECK(quotas.cpus() == 1u);
    f.without("/cgroup").without("/proc/self/mountinfo"); // No mount is left, and no limit is visible.
    CHECK(quotas.cpus() == std::nullopt);
    CHECK(quotas.cpus() == std::nullopt);
}

TEST_CASE("a newly mounted hierarchy is seen within 60 reads", "[cpu]") {
    files f;
    f.with("/proc/self/mountinfo", others).with("/proc/self/cgroup", "0::/a\n");
    auto quotas = f.looked_at_again();
    CHECK(quotas.cpus() == std::nullopt);
    f.with("/proc/self/mountinfo", others + "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
        .with("/sys/fs/cgroup/a/cpu.max", "800000 100000\n");
    int looks = 1;
    while (quotas.cpus() == std::nullopt && looks < 100)
        ++looks;
    CHECK(looks < 60 + 1);
    CHECK(quotas.cpus() == 8u);
}
