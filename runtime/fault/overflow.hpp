// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// overflow.hpp: what is printed when a fiber has no stack left.
//
//   how it is noticed                   what is printed                         how the process ends
//   a guard page faults; the machine's  fiber, stack size, caller of go, a      SIGSEGV, through the handler
//   signal stack handles the signal     backtrace of the overflowing stack      that was installed before
//   without a guard page: a canary is   the same, without a backtrace           abort
//   damaged when the fiber ends
#pragma once

namespace fiber::rt {

class fiber;

// Installs a handler in front of the SIGSEGV handler, once in a process. All faults except fibers'
// overflows go to the handler behind it, unchanged. SIGBUS is left alone: on Linux no guard raises it.
void watch_for_overflows() noexcept;

// Prints the report and aborts. The fiber's machine calls it when it has found a damaged canary.
[[noreturn]] void die_of_overflow(fiber const&) noexcept;

} // namespace fiber::rt
