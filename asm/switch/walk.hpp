// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// walk.hpp: the backtrace of a suspended flow of control, which runs on the caller's stack.
//
// [walk] The system's unwinder finds a caller by the description of the frame that it is in.
// fiber_arch_walk_suspended() has a description that is not true of its frame: it says that its caller has
// the registers of the suspended flow. The unwinder goes on from there. It only reads
// the other stack. Therefore a stack without any room left can be walked.
#pragma once

#include "asm/switch/switch.hpp"

#include <cstddef>
#include <cstdint>

namespace fiber::arch {

// The registers that a suspended flow will have when it goes on. The layout is known to walk_*.S.
struct suspended_flow {
#if defined(__x86_64__)
    std::uintptr_t rbx, rbp, r12, r13, r14, r15, pc, sp;
#elif defined(__aarch64__)
    std::uintptr_t x19_to_x28[10], x29, pc, sp;
#endif
};

// Returns the registers of a flow that has run before and is suspended now. The caller ensures that it
// stays suspended.
[[nodiscard]] suspended_flow suspended(context const&) noexcept;

// The addresses in the frames, innermost first.
struct backtrace {
    void** at;
    std::size_t room;
    std::size_t count = 0;
    bool has_more = false; // there was no room for all
};

// Adds the frames of a suspended flow. Takes no lock, if the C library finds frame descriptions without
// one, as glibc 2.35 does. Uses a few KiB of the caller's stack.
void walk(suspended_flow const&, backtrace&) noexcept;
// Adds the frames of the caller, from the frame with the address `from` on.
void walk_self(std::uintptr_t from, backtrace&) noexcept;
// Calls note(to, address) for each of these frames, until it returns false.
using frame_visitor = bool (*)(void* to, void* address) noexcept;
void walk_self(std::uintptr_t from, frame_visitor note, void* to) noexcept;

} // namespace fiber::arch
