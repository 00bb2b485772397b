// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// descriptor_table.hpp: enlarges the kernel's table of the process's descriptors before it is full.
//
// The kernel enlarges the table when a number does not fit. In a process with several threads this takes
// milliseconds: a grace period of RCU. A thread that needs a number beyond the old table sleeps until then.
// If many connections come at once, one machine after the other sleeps there, and sysmon makes more of them.
#pragma once

#include "runtime/base/thread/template_thread.hpp"

#include <atomic>

namespace fiber::rt {

class descriptor_table {
public:
    // The size that a process has from its first runtime on, if the limit of open files allows it. The table
    // then takes 32 KiB of the kernel's memory.
    static constexpr int first_size = 4096;

    // Enlarges the table to its first size if the process has one thread. That takes no grace period.
    void enlarge_before_threads() noexcept;

    // Says that the program uses this number. If the number is in the table's upper half, a new thread, which
    // `maker` starts, enlarges the table. Does not wait for it. Any thread.
    void note_use(int number, template_thread& maker) noexcept {
        if (number >= size_.load(std::memory_order_relaxed) / 2) [[unlikely]] // relaxed: a hint
            make_room(number, maker);
    }

    // [fork] Called in the child. The child's table has room for the open descriptors only.
    void forget() noexcept;

private:
    void make_room(int number, template_thread& maker) noexcept;
    static void* enlarge(void* self) noexcept;

    std::atomic<int> size_{0};         // the table has at least this size
    std::atomic<bool> growing_{false}; // its owner may write what follows
    int next_size_ = 0;
};

inline constinit descriptor_table descriptors;

} // namespace fiber::rt
