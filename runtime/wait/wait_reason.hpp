// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// wait_reason.hpp: what a parked fiber waits for. `turn` is the reason of a runnable fiber that has had its
// turn.
#pragma once

#include <cstdint>

namespace fiber::rt {

enum class wait_reason : std::uint8_t {
    none,
    chan_send,
    chan_recv,
    select,
    mutex,
    shared_mutex,
    condition_variable,
    wait_group,
    once,
    semaphore,
    latch,
    barrier,
    future,
    sleep,
    join,
    io,
    resolve,
    turn,
};

// Returns the name that dump() prints.
[[nodiscard]] char const* to_string(wait_reason) noexcept;

} // namespace fiber::rt
