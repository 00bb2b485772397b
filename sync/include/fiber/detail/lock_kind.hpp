// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// lock_kind.hpp: which of std's names the user knows a lock by, for messages; and whether locks are watched.
#pragma once

#include <fiber/detail/config.hpp>

#include <cstdint>

namespace fiber::detail {

enum class lock_kind : std::uint8_t {
    mutex,
    timed_mutex,
    recursive_mutex,
    recursive_timed_mutex,
    shared_mutex,
    shared_timed_mutex,
};

// FIBER_DEBUG=locks. Set before main.
FIBER_API extern bool watching_locks;

} // namespace fiber::detail
