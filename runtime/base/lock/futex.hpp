// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// futex.hpp: the kernel's compare-and-sleep. All calls preserve errno, because commit functions
// make them.
#pragma once

#include "runtime/base/platform/clock.hpp"

#include <atomic>
#include <cstdint>

namespace fiber::rt {

// Sleeps while word == expected, until a wake or the deadline. May return early for no reason, so
// callers must check again.
void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                clock::time_point deadline = never) noexcept;

// Wakes one sleeping thread, if there is one. The word may be destroyed already: a stray wake is
// harmless.
void futex_wake_one(std::atomic<std::uint32_t>& word) noexcept;

} // namespace fiber::rt
