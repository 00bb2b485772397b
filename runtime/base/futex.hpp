// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// futex.hpp: the kernel's compare-and-sleep. All calls leave errno alone, since commit functions make them.
#pragma once

#include "runtime/base/clock.hpp"

#include <atomic>
#include <cstdint>

namespace fiber::rt {

// Sleeps while word == expected, until a wake or the deadline. May return early for no reason: callers look
// again.
void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                clock::time_point deadline = never) noexcept;

// Wakes one sleeper, if there is one. The word may be gone already: a stray wake is harmless.
void futex_wake_one(std::atomic<std::uint32_t>& word) noexcept;

} // namespace fiber::rt
