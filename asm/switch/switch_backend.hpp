// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// switch_backend.hpp: what a backend (switch_boost.hpp, switch_native.hpp) supplies to the
// interface (switch.hpp):
//   registers                  a suspended flow of control; sp is null before it begins and after it ends
//   exchange(from, to, c)      suspends the caller into `from` and resumes `to`, which receives c; returns
//                              the arguments of the switch that resumes `from`
//   prepare(r, bottom, size)   makes r a flow that will begin at the top of the stack, with default
//                              floating-point control; its first frame, where unwinders stop, calls begin()
#pragma once

#include "asm/segmented/growth.hpp"

#include <cstddef>

namespace fiber::arch {

using commit_function = void (*)(void* argument) noexcept;

// What one side of a switch passes to the other.
struct switch_args {
    commit_function commit; // may be null
    void* argument;
};

struct registers;

FIBER_NO_SPLIT inline switch_args exchange(registers& from, registers& to, switch_args c) noexcept;

void prepare(registers& r, void* bottom, std::size_t size) noexcept;

[[noreturn]] void begin(registers& self, switch_args const& c) noexcept;

} // namespace fiber::arch
