// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// process_stamp.hpp: which process a thing was made in.
//
// [fork] A fork copies all memory and one thread. Fibers, machines and OS threads that ran in the parent are still
// described in the child's memory, but nothing runs them: they have stayed behind. To go over all of them in the
// child would copy their pages for the sake of an exec that follows. So each carries a stamp, and whoever meets one
// looks at it; see runtime/process/fork.cpp.
#pragma once

#include <atomic>
#include <cstdint>

namespace fiber::rt {

// How many forks lie between the program's start and this process. Written in a child that has one thread still.
inline constinit std::atomic<std::uint16_t> fork_generation{0};

class process_stamp {
public:
    // Relaxed, everywhere: it changes only while no other thread exists.
    process_stamp() noexcept : made_in_(fork_generation.load(std::memory_order_relaxed)) {}

    // Never true where nobody forks: the stamp itself, in a cache line of its owner's, is then not looked at.
    [[nodiscard]] bool is_from_parent() const noexcept {
        auto const here = fork_generation.load(std::memory_order_relaxed);
        return here != 0 && made_in_ != here;
    }

private:
    std::uint16_t made_in_; // after 65536 forks, each in the last one's child, the numbers come again
};

} // namespace fiber::rt
