// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// mutex_queue.hpp: the queue of waiters inside a mutex, with the spin lock that guards it.
#pragma once

#include "runtime/base/lock/spinlock.hpp"
#include "runtime/wait/wait_queue.hpp"

#include <fiber/detail/wait_list.hpp>

#include <atomic>
#include <cstdint>

namespace fiber::rt {

class mutex_queue : public wait_queue {
public:
    mutex_queue(std::atomic<std::uint32_t>& word, ::fiber::detail::wait_list& waiters) noexcept
        : wait_queue(waiters), word_(word) {}
    // [fork] An agent may hold the mutex across a fork, and must find it intact in the child. The
    // waiters in the queue do not exist there, so the queue is emptied.
    void lock() noexcept {
        if (word_.lock_unchecked() != guarded_data::ours) [[unlikely]]
            forget_all();
    }
    void unlock() noexcept { word_.unlock(); }

private:
    spin_word<lock_rank::wait_queue> word_;
};

} // namespace fiber::rt
