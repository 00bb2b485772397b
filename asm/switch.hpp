// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// switch.hpp: leaving one stack for another. The interface behind which the backends (switch_boost.hpp,
// switch_native.hpp) are exchanged: CMake's FIBER_SWITCH says which.
//
// [switch.commit] What must happen once the old stack is no longer in use (release the lock that makes it
// wakeable, put it into a queue, recycle it) is a commit function, which runs first thing on the new stack.
// Done before the switch, the same would let a second machine resume a stack that the first still stands on.
//
// Switched: callee-saved registers, floating-point control, errno, exceptions in flight. Not: the signal
// mask, thread-local variables.
#pragma once

#include "asm/growth.hpp"
#include "asm/sanitizer.hpp"
#include "asm/switch_backend.hpp"
#if defined(FIBER_SWITCH_NATIVE)
#include "asm/switch_native.hpp"
#else
#include "asm/switch_boost.hpp"
#endif
#include "asm/thread_state.hpp"

#include <cstddef>

namespace fiber::arch {

using entry_function = void (*)() noexcept; // never returns

// A suspended flow of control. Lives where it can be found again, and outlives the stack's use. What a switch
// touches comes first, so that it fits a cache line.
struct context : registers {
    thread_state state;
    entry_function entry = nullptr;
    [[no_unique_address]] sanitizer_state sanitizer;
    [[no_unique_address]] growth_state growth;
};

// [switch.commit] First thing on the new stack. The stack that was left may be gone once commit has run.
inline void finish_switch(context& self, switch_args const& c) noexcept {
    self.sanitizer.finish_switch();
    if (c.commit != nullptr)
        c.commit(c.argument);
    asm volatile(""); // so that it is called, and not jumped to at the end: its ret has a call, then
}

// Suspends the caller as `from` and resumes `to`, which runs commit(argument) first. Returns when `from` is
// resumed, perhaps on another OS thread: the caller must hold on to nothing of this one.
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

// Makes c a flow of control that begins with entry() at the top of the stack [bottom, bottom + size).
void make_context(context& c, void* bottom, std::size_t size, entry_function entry) noexcept;

// The stack's memory is about to be used otherwise: c is no flow of control any more.
inline void drop_context(context& c) noexcept {
    c.sanitizer.detach();
    c.sp = nullptr;
}

} // namespace fiber::arch
