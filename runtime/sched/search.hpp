// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// search.hpp: how a machine without work gets fibers of other processors. It requests shares, and steals
// from a processor that stands still.
#pragma once

namespace fiber::rt {

class fiber;
struct machine;

// After more failed searches in a row a search is not shorter.
inline constexpr unsigned max_failed_searches = 3;

// Returns a fiber, or null after a failed search. m has a processor. m counts as a searching machine
// afterwards, unless enough others do: idle.hpp.
[[nodiscard]] fiber* spin_for_work(machine& m) noexcept;

} // namespace fiber::rt
