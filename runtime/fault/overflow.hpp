// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// overflow.hpp: what is said when a fiber has no stack left.
//
//   how it is noticed                                   what is printed                         how the process ends
//   a guard page faults: the machine's signal stack     fiber, stack size, go's caller, a       SIGSEGV, by way of the handler
//                                                       backtrace of the overflowing stack      that was there before
//   no guard could be had: a canary is found dead       the same, without a backtrace           abort
//   when the fiber ends
#pragma once

namespace fiber::rt {

class fiber;

// Puts a handler in front of that for SIGSEGV, once in a process. All faults but overflows of fibers go to the one
// behind it, untouched. SIGBUS is left alone: on Linux no guard raises it.
void watch_for_overflows() noexcept;

// By the fiber's machine, when it has found a dead canary.
[[noreturn]] void die_of_overflow(fiber const&) noexcept;

} // namespace fiber::rt
