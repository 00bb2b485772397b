// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// current.hpp: the one thread-local of the runtime that fibers look at, and the one way to it.
//
// A fiber may resume on another OS thread, but compilers compute a thread-local's address once and keep it
// over calls. So they are not told that it is one: the load is an asm volatile, which is done anew each time, by
// link-time optimisation too. And rule 9 of the house says: nothing that is derived from it lives across a switch.
#pragma once

namespace fiber::rt {

struct machine;
class thread_agent;

} // namespace fiber::rt

// Hidden: found at a fixed distance from the thread pointer, in a shared library too (initial-exec).
extern "C" [[gnu::visibility("hidden")]] thread_local fiber::rt::machine* fiber_rt_this_machine;

namespace fiber::rt {

#if defined(__x86_64__)

// The machine that this OS thread is; null if it is none.
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

[[nodiscard]] machine* current_machine() noexcept; // opaque: current.cpp

#endif

void set_current_machine(machine*) noexcept;

// This OS thread as an agent; made on first use, recycled when the thread ends. Not for machines.
[[nodiscard]] thread_agent& current_thread_agent() noexcept;

} // namespace fiber::rt
