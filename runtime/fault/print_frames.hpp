// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// print_frames.hpp: the backtrace in reports of faults and exceptions.
#pragma once

#include <cstdint>

namespace fiber::rt {

// Prints the caller's frames, from the frame with the address `from` on: the first and the last ones. If the
// unwinder finds none, prints `from`. Also runs in signal handlers: takes no mutex and allocates nothing.
void print_frames(std::uintptr_t from) noexcept;

} // namespace fiber::rt
