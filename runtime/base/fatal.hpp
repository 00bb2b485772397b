// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fatal.hpp: the one way to give up, and the one way to warn. Each prints a single line that begins with
// "fiber: ".
#pragma once

namespace fiber::rt {

// Prints the line and aborts.
[[noreturn, gnu::format(printf, 1, 2), gnu::cold]] void fatal(char const* format, ...) noexcept;

// Prints the line; the program goes on.
[[gnu::format(printf, 1, 2), gnu::cold]] void warn(char const* format, ...) noexcept;

} // namespace fiber::rt
