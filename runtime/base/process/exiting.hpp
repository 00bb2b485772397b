// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// exiting.hpp: whether the process is exiting. exit() destroys static objects and what they own,
// while fibers that use them may still run. These fibers are dropped, as in Go.
#pragma once

namespace fiber::rt {

// Returns true if exit() or quick_exit() has begun. Code that they call always sees it. Other callers
// see it once exit() has reached the handlers that were registered before the
// first runtime was made. Walks up the caller's stack, so call it only when something is about to
// fail.
[[nodiscard, gnu::cold]] bool exit_has_begun() noexcept;

// Called by each runtime that is made. The first call registers the exit handler.
void register_exit_handler() noexcept;

} // namespace fiber::rt
