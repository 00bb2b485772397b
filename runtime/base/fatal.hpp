// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fatal.hpp: the one way to give up, and the one way to warn. Each prints a single line that begins with
// "fiber: ".
#pragma once

#include "asm/growth.hpp" // clang++ splits no functions of this sort

namespace fiber::rt {

// Prints the line and aborts.
FIBER_NO_SPLIT [[noreturn, gnu::format(printf, 1, 2), gnu::cold]] void fatal(char const* format,
                                                                             ...) noexcept;

// Prints the line; the program goes on.
FIBER_NO_SPLIT [[gnu::format(printf, 1, 2), gnu::cold]] void warn(char const* format, ...) noexcept;

} // namespace fiber::rt
