// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// switch.hpp: leaves one stack for another. CMake's FIBER_SWITCH selects the backend behind this
// interface: switch_boost.hpp or switch_native.hpp.
//
// [switch.commit] Some actions must wait until the old stack is no longer in use: to release the
// lock that makes the flow wakeable, to put it into a queue, or to recycle its stack. A commit
// function does this; it runs first on the new stack. If the same were done before the switch, a
// second machine could resume the stack while the first one still uses it.
//
// Switched: callee-saved registers, floating-point control, errno, exceptions in flight. Not
// switched: the signal mask, thread-local variables.
#pragma once

#include "asm/sanitizer.hpp"
#include "asm/segmented/growth.hpp"
#include "asm/switch/switch_backend.hpp"
#if defined(FIBER_SWITCH_NATIVE)
#include "asm/switch/switch_native.hpp"
#else
#include "asm/switch/switch_boost.hpp"
#endif
#include "asm/switch/thread_state.hpp"

#include <cstddef>

namespace fiber::arch {

using entry_function = void (*)() noexcept; // never returns

// A suspended flow of control. The object must outlive the use of its stack. The fields that a
// switch touches come first and fit into a cache line.
struct context : registers {
    thread_state state;
    entry_function entry = nullptr;
    [[no_unique_address]] sanitizer_state sanitizer;
    [[no_unique_address]] growth_state growth;
};

// [switch.commit] Runs first on the new stack. The old stack may be gone once commit has run.
inline void finish_switch(context& self, switch_args const& c) noexcept {
    self.sanitizer.finish_switch();
    if (c.commit != nullptr)
        c.commit(c.argument);
    asm volatile(""); // prevents a tail call, so that commit's ret has a matching call
}

// Suspends the caller as `from` and resumes `to`, which runs commit(argument) first. Returns when
// `from` is resumed, possibly on another OS thread: the caller must keep nothing that belongs to
// the old thread.
FIBER_NO_SPLIT inline void switch_to(thread_state_slots const& thread, context& from, context& to,
                                     commit_function commit, void* argument) noexcept;
inline void switch_to(thread_state_slots const& thread, context& from, context& to, commit_function commit,
                      void* argument) noexcept {
    thread.exchange(from.state, to.state);
    from.sanitizer.start_switch(to.sanitizer);
    from.growth.start_switch(to.growth);
    switch_args const c = exchange(from, to, {commit, argument});
    finish_switch(from, c);
}

// Makes c a flow of control that begins with entry() at the top of the stack [bottom, bottom +
// size).
void make_context(context& c, void* bottom, std::size_t size, entry_function entry) noexcept;

// Ends the flow of control c, because the memory of its stack will be used for something else.
inline void drop_context(context& c) noexcept {
    c.sanitizer.detach();
    c.sp = nullptr;
}

} // namespace fiber::arch
