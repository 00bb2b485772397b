// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// lock_state.hpp: the data of a channel's lock. Installed, not API.
#pragma once

#include <atomic>
#include <cstdint>

namespace fiber::detail {

// The state of a channel's lock: biased_lock.hpp.
struct lock_state {
    static constexpr std::uintptr_t no_owner = 1;
    std::atomic<std::uintptr_t> owner{no_owner};
    std::atomic<std::uint32_t> word{0};
    // The next three fields are guarded by the word.
    std::uint32_t last = 0;       // part of the identity of the last thread that has locked the word
    std::uint16_t streak = 0;     // how often that thread has locked it again since another thread did
    std::uint8_t streak_log2 = 5; // a streak of 2 to this power can make an owner
    std::atomic<bool> held{false};
};

} // namespace fiber::detail
