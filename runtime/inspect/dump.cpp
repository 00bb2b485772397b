// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/inspect/dump.hpp"

#include "runtime/inspect/stats.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/fiber_pool.hpp"
#include "runtime/sched/name.hpp"
#include "runtime/stack/stack_class.hpp"

#include <fiber/runtime.hpp>

#include <cstdlib>
#include <execinfo.h>
#include <memory>

namespace fiber::rt {
namespace {

void print_state(fiber const& g, fiber_state state, std::FILE* to) {
    switch (state) {
    case fiber_state::dead:
        break;
    case fiber_state::runnable:
        std::fputs("runnable", to);
        break;
    case fiber_state::running:
        std::fputs("running", to);
        break;
    case fiber_state::parked:
        std::fprintf(to, "parked, %s", to_string(g.why));
        if (void const* const what = g.what)
            std::fprintf(to, " %p", what);
        break;
    }
}

// Prints the size of a stack, which may belong to another fiber already. Therefore reads none of its
// memory, but asks the kernel about the pages at its address.
void print_stack(stack const* s, std::FILE* to) {
    memory_range const slot = stack_class::slot_of(s);
    if (slot.size == 0)
        return;
    auto const touched = touched_in({slot.begin + guard_size, slot.size - guard_size});
    std::fprintf(to, "; stack %zu of %zu KiB", touched.depth / 1024, slot.size / 1024);
}

void print_origin(void const* at, std::FILE* to) {
    void* place = const_cast<void*>(at);
    std::unique_ptr<char*, decltype(&std::free)> const text(::backtrace_symbols(&place, 1), &std::free);
    if (text != nullptr)
        std::fprintf(to, "; started at %s", text.get()[0]);
}

void print(fiber const& g, fiber_state state, std::FILE* to) {
    if (state == fiber_state::dead)
        return;
    std::fprintf(to, "%s: ", full_name(g).text);
    print_state(g, state, to);
    print_stack(g.stack, to);
    print_origin(g.started_at, to);
    std::fputc('\n', to);
}

} // namespace

void dump(scheduler const& of, std::FILE* to) {
    auto const figures = stats(of);
    std::fprintf(to, "%zu fibers on %u processors\n", figures.fibers_live, figures.processors);
    for_each_fiber([&](fiber const& g) {
        if (g.scheduler == &of)
            print(g, g.state, to); // may park
    });
}

} // namespace fiber::rt
