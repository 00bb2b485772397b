// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/inspect/dump.hpp"

#include "runtime/sched/registry.hpp"
#include "runtime/sched/scheduler.hpp"

#include <cerrno>
#include <unistd.h>
#include <utility>

namespace fiber::rt {

runtime_facts look_at_runtime(scheduler& of, dump_options const& options, void const* from) {
    collected_facts found = collect(of, options, from);
    return {of.processors.active(), found.live, std::move(found.fibers)};
}

std::vector<runtime_facts> look_at_all(dump_options const& options, void const* from) {
    std::vector<runtime_facts> all;
    for_each_scheduler([&](scheduler& s) { all.push_back(look_at_runtime(s, options, from)); });
    return all;
}

std::string report(std::vector<runtime_facts> const& all, dump_options const& options) {
    return options.json ? to_json(all) : to_text(all);
}

void write_all(int fd, std::string_view text) noexcept {
    while (!text.empty()) {
        ssize_t const n = ::write(fd, text.data(), text.size());
        if (n < 0 && errno != EINTR)
            return;
        text.remove_prefix(n > 0 ? static_cast<std::size_t>(n) : 0);
    }
}

} // namespace fiber::rt
