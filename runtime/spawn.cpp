// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// spawn.cpp: the compiled code behind go(): makes a fiber of a closure.

#include <fiber/detail/spawn.hpp>
#include <fiber/runtime.hpp>

#include "runtime/process/runtimes.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/fiber_lifecycle.hpp"
#include "runtime/sched/machine.hpp"

#include "asm/switch/floating_point.hpp"

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace fiber::detail {
namespace {

// Returns the scheduler that go() without a runtime uses.
rt::scheduler& here() {
    if (rt::machine const* const m = rt::current_machine())
        return m->scheduler;
    return rt::global_scheduler();
}

// closure_with_modes is the closure of a fiber that begins with control modes other than the
// default ones. The record has no space for the modes, so it holds the address of this object in
// place of the closure.
struct closure_with_modes {
    explicit closure_with_modes(arch::control_modes const& m) noexcept : modes(m) {}

    arch::control_modes const modes;
    closure_entry entry = nullptr;
    alignas(inline_closure_alignment) std::byte closure[inline_closure_size];

    [[nodiscard]] static closure_with_modes& at(void* storage) noexcept {
        return *reinterpret_cast<closure_with_modes*>(static_cast<std::byte*>(storage) -
                                                      offsetof(closure_with_modes, closure));
    }
    static void run(void* storage) {
        std::unique_ptr<closure_with_modes> const mine(*static_cast<closure_with_modes**>(storage));
        mine->modes.load();
        mine->entry(mine->closure);
    }
};

[[gnu::noinline]] void* storage_with_modes(rt::fiber& g, arch::control_modes const& modes) {
    try {
        return (new closure_with_modes(modes))->closure;
    } catch (...) {
        rt::abandon_fiber(g);
        throw;
    }
}

inline void* storage_in(rt::fiber& g, arch::control_modes const& modes) {
    if (modes.are_default()) [[likely]]
        return g.closure;
    return storage_with_modes(g, modes);
}

} // namespace

spawn::spawn(rt::scheduler* where, attributes const& how) {
    arch::control_modes const modes;
    fiber_ = &rt::new_fiber(where != nullptr ? rt::usable(*where) : here(), how);
    storage_ = storage_in(*fiber_, modes);
}

spawn::spawn(like_a_thread, attributes const& how) {
    arch::control_modes const modes;
    fiber_ = &rt::new_thread(here(), how);
    storage_ = storage_in(*fiber_, modes);
}

void spawn::abandon(rt::fiber& g, void* storage) noexcept {
    if (storage != g.closure)
        delete &closure_with_modes::at(storage);
    if (!g.is_from_parent()) // [fork] a fork may have come while the closure was made
        rt::abandon_fiber(g);
}

// noinline, also at link-time optimisation, because it records the address of its caller.
[[gnu::noinline]] rt::fiber* spawn::start(rt::fiber& g, closure_entry entry, void* storage) noexcept {
    if (storage != g.closure) [[unlikely]] {
        auto& with_modes = closure_with_modes::at(storage);
        with_modes.entry = std::exchange(entry, closure_with_modes::run);
        ::new (g.closure) closure_with_modes*(&with_modes);
    }
    g.entry = entry;
    g.started_at = __builtin_return_address(0);
    if (!g.is_from_parent()) [[likely]] // [fork] a fork may have come while the closure was made
        rt::start_fiber(g);
    return &g;
}

} // namespace fiber::detail
