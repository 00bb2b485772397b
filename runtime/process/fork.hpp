// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fork.hpp: what a child of fork, if it does not exec, finds of the library. Installed by itself, before main.
#pragma once

namespace fiber::rt {

struct stack;

// [fork.thread] In the child of a fiber that has forked, the process's only thread stands on that fiber's stack.
// There is no machine: it is an OS thread from then on, which lives there. Null: it is not so.
[[nodiscard]] stack const* stack_kept_over_fork() noexcept;

// That fiber's function has returned, and with it the process's first thread is at its end: exit(0).
[[noreturn]] void end_forked_process() noexcept;

} // namespace fiber::rt
