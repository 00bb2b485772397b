// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fork.hpp: what the library provides for a child of fork that does not exec. Its handlers install
// themselves before main.
#pragma once

namespace fiber::rt {

struct stack;

// [fork.thread] In the child of a fiber that has forked, the only thread runs on that fiber's stack. It
// is not a machine any more, but an OS thread that stays on that stack. Returns the stack, or null if
// this process is not such a child.
[[nodiscard]] stack const* stack_kept_over_fork() noexcept;

} // namespace fiber::rt
