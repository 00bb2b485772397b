// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// process_stamp.hpp: in which process an object was made.
//
// [fork] fork() copies all memory, but only one thread. The child's memory still describes the
// parent's fibers, machines and OS threads, but nothing runs them. Visiting all of them in the
// child would copy their pages, although an exec often follows. Instead, each object carries a
// stamp, which is checked when the object is used; see runtime/process/fork.cpp.
#pragma once

#include <atomic>
#include <cstdint>

namespace fiber::rt {

// The number of forks between the program's start and this process. Written in the child while it
// has one thread.
inline constinit std::atomic<std::uint16_t> fork_generation{0};

class process_stamp {
public:
    // relaxed, everywhere: fork_generation changes only while no other thread exists
    process_stamp() noexcept : made_in_(fork_generation.load(std::memory_order_relaxed)) {}

    // Returns true if the object was made in a parent process. If the program never forks, it does
    // not read the stamp, which saves the access to the object's cache line.
    [[nodiscard]] bool is_from_parent() const noexcept {
        auto const here = fork_generation.load(std::memory_order_relaxed);
        return here != 0 && made_in_ != here;
    }

private:
    std::uint16_t made_in_; // wraps after 65536 nested forks
};

} // namespace fiber::rt
