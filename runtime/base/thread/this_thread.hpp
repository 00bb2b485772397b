// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// this_thread.hpp: identifies the current OS thread, with one instruction.
#pragma once

namespace fiber::rt {

// Returns a value that differs among all live threads; null on other architectures. The asm is
// volatile, so that compilers read the value again after a switch.
[[nodiscard]] inline void const* this_thread_identity() noexcept {
    void const* id = nullptr;
#if defined(__x86_64__)
    asm volatile("movq %%fs:0, %0" : "=r"(id)); // the thread control block begins with its own address
#elif defined(__aarch64__)
    asm volatile("mrs %0, tpidr_el0" : "=r"(id));
#endif
    return id;
}

} // namespace fiber::rt
