// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// join_state.hpp: the word in which a fiber's end meets the owner of its handle. join.hpp has both sides.
#pragma once

#include "runtime/wait/ticket.hpp"

#include <atomic>
#include <cstdint>

namespace fiber::rt {

// How a fiber's end meets its joiner, in one word.
//   value            means                                      left by
//   unjoined         alive, its handle exists                   a change to any value below
//   detached         alive, no handle                           finish: its machine recycles the record
//   a joiner         alive, this waiter is parked in join       finish: as above, and wakes the joiner
//   a timed joiner   alive, this waiter is parked in join_for   finish; or time-out: restores unjoined
//   finishing        ended; the last writes are under way       done, a few instructions later
//   done             ended; the record belongs to the handle    join or detach, which recycle it
class join_state {
public:
    struct joiner { // lies on the joiner's stack
        ticket key;
        bool recycled = false; // true if the fiber's machine recycles the record, not the joiner
    };
    static constexpr std::uintptr_t unjoined = 0, detached = 1, finishing = 2, done = 3;
    static constexpr std::uintptr_t timed = 4; // a bit beside the joiner's address, which is aligned

    std::atomic<std::uintptr_t> word{unjoined};

    [[nodiscard]] static bool joined(std::uintptr_t value) noexcept { return value > done; }
    // Returns true if only the fiber's end will change the value.
    [[nodiscard]] static bool is_final(std::uintptr_t value) noexcept {
        return value == detached || (joined(value) && (value & timed) == 0);
    }
    [[nodiscard]] static joiner& joiner_in(std::uintptr_t value) noexcept {
        return *reinterpret_cast<joiner*>(value & ~timed);
    }
};

} // namespace fiber::rt
