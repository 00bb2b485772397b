// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// overflow_report.hpp: what is printed when a fiber has no stack left.
//
//   how it is noticed                   what is printed                         how the process ends
//   a guard page faults; the machine's  fiber, stack size, caller of go, a      SIGSEGV, through the handler
//   signal stack handles the signal     backtrace of the overflowing stack      that was installed before
//   without a guard page: a canary is   the same, without a backtrace           abort
//   damaged when the fiber ends
//
// The functions also run in signal handlers: they take no mutex and allocate nothing.
#pragma once

#include <cstddef>
#include <string_view>

namespace fiber::rt {

class fiber;

// A remedy for print_overflow(): the rest of a sentence that begins with "Give".
inline constexpr char const* larger_stack = "it a larger attributes::stack_size";

// Prints the fiber, the size of its stack, the remedy and the caller of go. Called by the fiber itself.
void print_overflow(fiber const&, std::size_t stack_size, char const* remedy) noexcept;

// Prints the report and aborts. The fiber's machine calls it when it has found a damaged canary.
[[noreturn]] void die_of_overflow(fiber const&) noexcept;

// Writes the text to stderr.
void print(std::string_view) noexcept;
// Writes the text, and then the symbol of pc, to stderr.
void print_place(std::string_view before, void const* pc) noexcept;

} // namespace fiber::rt
