// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// mutex.hpp: std::mutex for fibers and OS threads.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/wait_list.hpp>

#include <atomic>
#include <cstdint>
#include <mutex> // unique_lock, scoped_lock, lock: they all work with it

namespace fiber {

// mutex is std::mutex: not recursive, constant-initialised, to be locked from fibers of any runtime and from
// OS threads alike. A fiber that must wait gives up its processor, an OS thread sleeps. The party that has
// locked it unlocks it; on which OS thread a fiber does so does not matter. Fair to a millisecond: a lock
// that is released goes to whoever comes first, but one that has waited for longer gets it handed over.
// unlock() of a mutex that is not locked, and destroying one that is locked or waited for, abort.
class FIBER_API mutex {
public:
    constexpr mutex() noexcept = default;
    ~mutex() {
        // relaxed: whoever destroys it has ordered that after all other uses
        if (state_.load(std::memory_order_relaxed) != free || !waiters_.empty()) [[unlikely]]
            destroyed_in_use();
    }
    mutex(mutex const&) = delete;
    mutex& operator=(mutex const&) = delete;

    // Blocks until the mutex is the caller's.
    void lock() noexcept {
        if (state_.fetch_add(1, std::memory_order_acquire) != free) [[unlikely]] // [mutex.hand_on]
            lock_slow();
    }

    // Never blocks. False only if the mutex was locked.
    [[nodiscard]] bool try_lock() noexcept {
        auto expected = free;
        return state_.load(std::memory_order_relaxed) == free && // relaxed: spares the line when it is locked
               state_.compare_exchange_strong(expected, locked, std::memory_order_acquire, // [mutex.hand_on]
                                              std::memory_order_relaxed); // relaxed: nothing was gained
    }

    // By the party that has locked it. Never blocks. Another party that then gets the lock may destroy the
    // mutex.
    void unlock() noexcept {
        auto const seen = state_.fetch_sub(1, std::memory_order_release); // [mutex.hand_on]
        if (seen != locked) [[unlikely]]                                  // else *this may be gone
            unlock_slow(seen);
    }

private:
    using word = std::uint32_t;
    static constexpr word free = 0, locked = 1, contended = 2; // and more: see mutex.cpp

    void lock_slow() noexcept;
    void unlock_slow(word seen) noexcept;
    bool spin(word taken) noexcept;
    void destroyed_in_use() const noexcept;

    std::atomic<word> state_{free};
    std::atomic<std::uint32_t> queue_lock_{0}; // guards waiters_
    detail::wait_list waiters_;
};

static_assert(sizeof(mutex) <= 16);

} // namespace fiber
