// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fatal.hpp: ends the process with a message, or warns. Each message is one line that begins with
// "fiber: ".
#pragma once

#include "asm/segmented/growth.hpp"

#include <cstddef>

namespace fiber::rt {

// clang++ cannot split variadic functions. g++ can. If g++ is told not to split a variadic
// function, it passes wrong arguments where some of them are on the stack.
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

// For a thread without the program's file descriptors: from now on, its lines go to `writer`.
using line_writer = void (*)(void* context, char const* line, std::size_t length) noexcept;
void set_thread_line_writer(line_writer writer, void* context) noexcept;

} // namespace fiber::rt
