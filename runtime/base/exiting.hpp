// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// exiting.hpp: whether the process ends. exit() destroys what is static, and what that owns, while fibers that use it may
// still run: they are dropped, as in Go.
#pragma once

namespace fiber::rt {

// Returns true if exit() or quick_exit() has begun: always for what they call, and for others from the moment when they have
// come to what was registered before the first runtime was made. Walks up the caller's stack: for what is about to go wrong.
[[nodiscard, gnu::cold]] bool exit_has_begun() noexcept;

// By each runtime that is made; the first one registers what tells the others.
void register_exit_handler() noexcept;

} // namespace fiber::rt
