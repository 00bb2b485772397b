// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// switch_backend.hpp: between the interface (switch.hpp) and a backend (switch_boost.hpp, switch_native.hpp), which
// supplies
//   registers               a suspended flow of control; none yet, or none any more, while its sp is null
//   exchange(from, to, c)   suspends the caller into `from` and resumes `to`, where c is the result; returns
//                           what whoever resumes `from` hands over
//   prepare(r, bottom, size)   makes r a flow that is about to begin at the top of that stack, with default
//                              floating-point control; its first frame, where unwinders stop, calls begin()
#pragma once

#include "asm/growth.hpp"

#include <cstddef>

namespace fiber::arch {

using commit_function = void (*)(void* argument) noexcept;

// What one side of a switch hands to the other.
struct switch_args {
    commit_function commit; // may be null
    void* argument;
};

struct registers;

FIBER_NO_SPLIT inline switch_args exchange(registers& from, registers& to, switch_args c) noexcept;

void prepare(registers& r, void* bottom, std::size_t size) noexcept;

[[noreturn]] void begin(registers& self, switch_args const& c) noexcept;

} // namespace fiber::arch
