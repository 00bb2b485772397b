// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// affinity.hpp: chooses the CPU of the calling thread.
#pragma once

#include <cstddef>
#include <sched.h>

namespace tests {

// Changes the affinity of the calling thread. The destructor restores it.
class affinity {
public:
    affinity() noexcept { ::sched_getaffinity(0, sizeof all_, &all_); }
    affinity(affinity const&) = delete;
    affinity& operator=(affinity const&) = delete;
    ~affinity() { ::sched_setaffinity(0, sizeof all_, &all_); }

    [[nodiscard]] int size() const noexcept { return CPU_COUNT(&all_); }
    // Returns the number of the n-th CPU of the affinity, modulo size().
    [[nodiscard]] std::size_t cpu(int n) const noexcept {
        n %= size();
        std::size_t cpu = 0;
        while (!CPU_ISSET(cpu, &all_) || n-- > 0)
            ++cpu;
        return cpu;
    }
    // Moves the thread to that CPU.
    void move_to(int n) const noexcept {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu(n), &one);
        ::sched_setaffinity(0, sizeof one, &one);
    }

private:
    cpu_set_t all_{};
};

} // namespace tests
