// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// spin_hint.hpp: whether to spin before a wait.
#pragma once

namespace fiber::rt {

// Returns true if a lock's owner may run while the caller spins, on another processor of the caller's
// runtime or in another OS thread. Returns false if spinning is useless.
[[nodiscard]] bool spinning_may_help() noexcept;

} // namespace fiber::rt
