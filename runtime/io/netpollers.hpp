// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// netpollers.hpp: the netpollers of all runtimes of the process. Each runtime makes one when one of its
// fibers waits for a descriptor for the first time.
#pragma once

#include "runtime/wait/wait_queue.hpp"

#include <mutex>

namespace fiber::rt {

class netpoller;
class scheduler;

// Returns the netpoller of the caller's runtime; for an OS thread, that of the global runtime, which it
// starts. Returns null, and warns once, if there can be none now.
[[nodiscard]] netpoller* netpoller_of_caller() noexcept;

// Calls each(netpoller, woken) for all netpollers, and then wakes the claimed waiters that it has added to
// `woken`.
template <class Each>
void for_each_netpoller(Each const& each) noexcept;

// Returns the descriptor of the slot that a fiber of this runtime waits for; -1 if it waits for something
// else.
[[nodiscard]] int descriptor_of(scheduler const&, void const* slot) noexcept;

// Called by the destructor.
void forget_netpoller(netpoller&) noexcept;

// For fork: the lock of the list; and what the child does with the netpollers of the parent.
[[nodiscard]] std::mutex& netpollers_mutex() noexcept;
void drop_netpollers_of_parent() noexcept;

// ── for the template ──
using netpoller_visitor = void (*)(void const* each, netpoller&, wait_queue& woken) noexcept;
void visit_netpollers(netpoller_visitor, void const* each) noexcept;

template <class Each>
void for_each_netpoller(Each const& each) noexcept {
    visit_netpollers([](void const* e, netpoller& n,
                        wait_queue& woken) noexcept { (*static_cast<Each const*>(e))(n, woken); },
                     &each);
}

} // namespace fiber::rt
