// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/current.hpp"

#include "runtime/sched/thread_party.hpp"

#if defined(__clang__)
#define FIBER_OPAQUE gnu::noinline
#else
#define FIBER_OPAQUE gnu::noinline, gnu::noipa
#endif

// used: current.hpp names it in assembly only. initial-exec: one load, no call into the dynamic linker; a dlopen'ed
// library finds room for 16 bytes.
[[gnu::used, gnu::tls_model("initial-exec")]] thread_local fiber::rt::machine* fiber_rt_this_machine =
    nullptr;

namespace fiber::rt {
namespace {

[[gnu::tls_model("initial-exec")]] thread_local thread_party* this_thread_party = nullptr;

// Stands in each accessor, so that link-time optimisation, too, must take it for a function with side
// effects, and cannot merge two calls.
inline void hide() noexcept { asm volatile("" ::: "memory"); }

struct recycle_at_thread_end {
    bool armed = false;
    ~recycle_at_thread_end() {
        if (this_thread_party != nullptr)
            thread_party::release(*this_thread_party);
        this_thread_party = nullptr; // a later destructor that waits gets another
    }
};
thread_local recycle_at_thread_end at_thread_end;

} // namespace

#if !defined(__x86_64__) && !defined(__aarch64__)
[[FIBER_OPAQUE]] machine* current_machine() noexcept {
    hide();
    return fiber_rt_this_machine;
}
#endif

[[FIBER_OPAQUE]] void set_current_machine(machine* m) noexcept {
    hide();
    fiber_rt_this_machine = m;
}

[[FIBER_OPAQUE]] thread_party& current_thread_party() noexcept {
    hide();
    if (this_thread_party == nullptr) {
        at_thread_end.armed = true;
        this_thread_party = &thread_party::acquire();
    }
    return *this_thread_party;
}

} // namespace fiber::rt
