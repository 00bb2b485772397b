// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/inspect/leaks.hpp"

#include "runtime/base/process/fatal.hpp"
#include "runtime/inspect/dump.hpp"
#include "runtime/park.hpp"
#include "runtime/sched/fiber_pool.hpp"
#include "runtime/sched/name.hpp"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <string_view>

namespace fiber::rt {

std::vector<std::uint64_t> ids_of_live_fibers() {
    std::vector<std::uint64_t> ids;
    agent const* const me = &self();
    for_each_fiber([&](fiber const& g) {
        if (g.scheduler != nullptr && g.state != fiber_state::dead && !g.is_from_parent() && &g != me &&
            !is_library_fiber(g))
            ids.push_back(g.id);
    });
    std::sort(ids.begin(), ids.end());
    return ids;
}

namespace {

void print_leaks() noexcept {
    try {
        std::vector<fiber_facts> parked;
        for (runtime_facts& r : look_at_all({}, nullptr))
            for (fiber_facts& f : r.fibers)
                if (f.state == "parked")
                    parked.push_back(std::move(f));
        if (!parked.empty())
            write_all(2, "fiber: " + std::to_string(parked.size()) + " fibers are still parked at exit\n" +
                             to_text_by_start(parked));
    } catch (std::bad_alloc const&) {
        warn("FIBER_LEAKS: there is no memory for the report");
    }
}

void read_environment() noexcept {
    char const* const value = std::getenv("FIBER_LEAKS");
    std::string_view const word = value != nullptr ? value : "";
    if (word == "1")
        static_cast<void>(std::atexit(print_leaks));
    else if (!word.empty() && word != "0")
        warn("FIBER_LEAKS=%s is ignored: it must be 0 or 1", value);
}

} // namespace

void report_leaks_at_exit() noexcept {
    static std::once_flag once;
    std::call_once(once, read_environment);
}

} // namespace fiber::rt
