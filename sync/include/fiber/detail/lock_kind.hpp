// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// lock_kind.hpp: the class of a lock, for messages, and the switch for FIBER_DEBUG=locks.
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

// True under FIBER_DEBUG=locks. Set before main, and never changed afterwards.
FIBER_API extern bool watching_locks;

} // namespace fiber::detail
