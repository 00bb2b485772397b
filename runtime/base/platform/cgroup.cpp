// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// cgroup.cpp: finds the process's control groups, and reads their quotas.
#include "runtime/base/platform/cgroup.hpp"

#include "runtime/base/platform/raw_file.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace fiber::rt {
namespace {

// Returns the contents of a file; empty if it cannot be read.
std::string contents(std::string const& path) {
    raw_file file(path.c_str());
    std::string all;
    std::array<char, 4096> buffer;
    for (ssize_t n; (n = file.read(buffer.data(), buffer.size())) > 0;)
        all.append(buffer.data(), static_cast<std::size_t>(n));
    return all;
}

// Removes the part before the separator, and the separator, from `text`. Returns the part.
std::string_view next_part(std::string_view& text, char separator) {
    std::string_view const part = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    return part;
}

bool lists(std::string_view items, std::string_view wanted) {
    while (!items.empty())
        if (next_part(items, ',') == wanted)
            return true;
    return false;
}

struct hierarchy {
    bool unified; // v2
    std::string_view root, mounted_at;
};

std::optional<hierarchy> hierarchy_of(std::string_view mount) {
    std::array<std::string_view, 5> first; // number, parent, device, root, mount point
    for (std::string_view& field : first)
        field = next_part(mount, ' ');
    auto const options_end = mount.find(" - ");
    if (options_end == mount.npos)
        return std::nullopt;
    mount.remove_prefix(options_end + 3);
    auto const type = next_part(mount, ' ');
    static_cast<void>(next_part(mount, ' ')); // its source
    if (type != "cgroup2" && (type != "cgroup" || !lists(mount, "cpu")))
        return std::nullopt;
    return hierarchy{type == "cgroup2", first[3], first[4]};
}

// Returns the process's group as a path from the root of its hierarchy; empty if there is none.
std::string_view own_group(std::string_view groups, bool unified) {
    while (!groups.empty()) {
        std::string_view line = next_part(groups, '\n');
        auto const number = next_part(line, ':');
        auto const controllers = next_part(line, ':');
        if (unified ? number == "0" && controllers.empty() : lists(controllers, "cpu"))
            return line;
    }
    return {};
}

// Returns the path of the group below the mount point. A group outside of the mounted part of the
// hierarchy, such as a group outside of a container, is mapped to the mount point.
std::string_view below(std::string_view root, std::string_view group) {
    if (root == "/")
        root = {};
    if (group == "/")
        group = {};
    bool const inside = group.starts_with(root) &&
                        (group.size() == root.size() || group[root.size()] == '/') &&
                        group.find("/..") == group.npos;
    return inside ? group.substr(root.size()) : std::string_view{};
}

// Returns the quota in the group's files; empty if they cannot be read.
std::string quota_text(std::string const& directory, bool unified) {
    if (unified)
        return contents(directory + "/cpu.max");
    std::string quota = contents(directory + "/cpu.cfs_quota_us");
    if (quota.empty())
        return quota;
    std::replace(quota.begin(), quota.end(), '\n', ' ');
    return quota + contents(directory + "/cpu.cfs_period_us");
}

} // namespace

std::optional<unsigned> cpus_of_quota(std::string_view text) {
    unsigned long long quota = 0, period = 0;
    char const* const end = text.data() + text.size();
    auto const first = std::from_chars(text.data(), end, quota);
    if (first.ec != std::errc{} || first.ptr == end || *first.ptr != ' ')
        return std::nullopt;
    auto const second = std::from_chars(first.ptr + 1, end, period);
    if (second.ec != std::errc{} || period == 0)
        return std::nullopt;
    return static_cast<unsigned>(std::max(1ull, (quota + period - 1) / period));
}

std::optional<unsigned> cgroup_quotas::cpus() {
    std::string member_of = contents(root_ + "/proc/self/cgroup");
    if (reads_left_ == 0 || member_of != member_of_)
        find_groups(std::move(member_of));
    else
        --reads_left_;
    auto seen = read_quotas();
    if (seen.vanished) {
        find_groups(contents(root_ + "/proc/self/cgroup"));
        seen = read_quotas();
    }
    return seen.min;
}

void cgroup_quotas::find_groups(std::string member_of) {
    reads_left_ = 0; // search again at the next read, unless the rest succeeds
    groups_.clear();
    std::string const mounts = contents(root_ + "/proc/self/mountinfo");
    for (std::string_view left = mounts; !left.empty();) {
        auto const h = hierarchy_of(next_part(left, '\n'));
        if (!h)
            continue;
        auto const own = own_group(member_of, h->unified);
        if (own.empty())
            continue;
        std::string const top = root_ + std::string(h->mounted_at);
        for (std::string at = top + std::string(below(h->root, own)); at.size() >= top.size();
             at.resize(at.rfind('/')))
            groups_.push_back({at, h->unified, false});
    }
    member_of_ = std::move(member_of);
    reads_left_ = reads_between_scans;
}

cgroup_quotas::sample cgroup_quotas::read_quotas() {
    sample seen;
    for (group& g : groups_) {
        std::string const text = quota_text(g.directory, g.unified);
        bool const had_files = std::exchange(g.has_files, !text.empty());
        seen.vanished |= had_files && text.empty();
        if (auto const cpus = cpus_of_quota(text); cpus && (!seen.min || *cpus < *seen.min))
            seen.min = cpus;
    }
    return seen;
}

} // namespace fiber::rt
