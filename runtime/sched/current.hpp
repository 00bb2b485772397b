// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// current.hpp: the only thread_local variable of the runtime that fibers read, and the only way to read it.
//
// A fiber may resume on another OS thread, but compilers compute the address of a thread_local once and
// keep it over calls. Therefore compilers must not know that this variable is one. The load is an asm
// volatile, so link-time optimisation, too, repeats it each time. Nothing derived from its result may
// live across a switch.
#pragma once

namespace fiber::rt {

struct machine;
class thread_agent;

} // namespace fiber::rt

// Hidden, so that even a shared library finds it at a fixed distance from the thread pointer
// (initial-exec).
extern "C" [[gnu::visibility("hidden")]] thread_local fiber::rt::machine* fiber_rt_this_machine;

namespace fiber::rt {

#if defined(__x86_64__)

// Returns the machine that this OS thread is, or null if it is none.
[[nodiscard]] inline machine* current_machine() noexcept {
    machine* m;
    asm volatile("movq fiber_rt_this_machine@gottpoff(%%rip), %0\n\t"
                 "movq %%fs:(%0), %0"
                 : "=r"(m)
                 :
                 : "memory");
    return m;
}

#elif defined(__aarch64__)

[[nodiscard]] inline machine* current_machine() noexcept {
    machine* m;
    void* thread;
    asm volatile("mrs %1, tpidr_el0\n\t"
                 "adrp %0, :gottprel:fiber_rt_this_machine\n\t"
                 "ldr %0, [%0, :gottprel_lo12:fiber_rt_this_machine]\n\t"
                 "ldr %0, [%1, %0]"
                 : "=&r"(m), "=&r"(thread)
                 :
                 : "memory");
    return m;
}

#else

[[nodiscard]] machine* current_machine() noexcept; // a call that compilers cannot see through: current.cpp

#endif

void set_current_machine(machine*) noexcept;

// Returns this OS thread as an agent, which is made on first use and recycled when the thread ends.
// Must not be called on a machine.
[[nodiscard]] thread_agent& current_thread_agent() noexcept;

} // namespace fiber::rt
