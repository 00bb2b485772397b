// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fatal.hpp: the one way to give up, and the one way to warn. Each prints a single line that begins with
// "fiber: ".
#pragma once

#include "asm/growth.hpp"

#include <cstddef>

namespace fiber::rt {

// clang++ cannot split functions of this sort. g++ can; and those that it is told not to split it gives wrong arguments, where
// these are so many that some stand on the stack.
#ifdef __clang__
#define FIBER_NO_SPLIT_BY_CLANG FIBER_NO_SPLIT
#else
#define FIBER_NO_SPLIT_BY_CLANG
#endif

// Prints the line and aborts.
FIBER_NO_SPLIT_BY_CLANG [[noreturn, gnu::format(printf, 1, 2), gnu::cold]] void fatal(char const* format,
                                                                                      ...) noexcept;

// Prints the line; the program goes on.
FIBER_NO_SPLIT_BY_CLANG [[gnu::format(printf, 1, 2), gnu::cold]] void warn(char const* format, ...) noexcept;

// For a thread that has no part in the program's file descriptors: from here on its lines are given to `writer`.
using line_writer = void (*)(void* context, char const* line, std::size_t length) noexcept;
void set_thread_line_writer(line_writer writer, void* context) noexcept;

} // namespace fiber::rt
