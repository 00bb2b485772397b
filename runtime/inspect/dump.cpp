// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/inspect/dump.hpp"

#include "runtime/sched/name.hpp"
#include "runtime/sched/scheduler.hpp"

#include <fiber/runtime.hpp>

#include <vector>

namespace fiber::rt {
namespace {

void print(fiber const& g, fiber_state state, std::FILE* to) {
    auto const name = full_name(g);
    switch (state) {
    case fiber_state::dead:
        break;
    case fiber_state::runnable:
        std::fprintf(to, "%s: runnable\n", name.text);
        break;
    case fiber_state::running:
        std::fprintf(to, "%s: running\n", name.text);
        break;
    case fiber_state::parked:
        std::fprintf(to, "%s: parked, %s", name.text, to_string(g.why));
        if (void const* const what = g.what)
            std::fprintf(to, " %p", what);
        std::fputc('\n', to);
        break;
    }
}

} // namespace

void dump(scheduler const& of, std::FILE* to) {
    auto const figures = of.stats();
    std::fprintf(to, "%zu fibers on %u processors\n", figures.fibers_live, figures.processors);
    // Collected first: records stay, and printing may park.
    std::vector<fiber const*> all;
    for_each_fiber([&](fiber const& g) {
        if (g.sched == &of)
            all.push_back(&g);
    });
    for (fiber const* const g : all)
        print(*g, g->state, to);
}

} // namespace fiber::rt
