// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// spinlock.hpp: the lock under all others, held for tens of instructions and never across user code, an
// allocation, a system call or a switch. The one exception to the last: a commit function may release it on
// the next stack.
#pragma once

#include "runtime/base/assert.hpp"
#include "runtime/base/lock_rank.hpp"

#include <atomic>
#include <cstdint>

namespace fiber::rt {

// Waits for a word to become free: pauses for about a microsecond, then lets the kernel run the holder, who
// has lost his CPU in the middle.
void spin_until_free(std::atomic<std::uint32_t> const& word) noexcept;

// The operations, for a word that stands in a public class and must not drag this header along.
template <lock_rank rank>
class spin_word {
public:
    explicit spin_word(std::atomic<std::uint32_t>& word) noexcept : word_(word) {}

    void lock() noexcept {
        while (word_.exchange(1, std::memory_order_acquire) != 0) // [spin]
            spin_until_free(word_);
        note_locked(rank, &word_);
    }
    void unlock() noexcept {
        note_unlocked(rank, &word_);
        word_.store(0, std::memory_order_release); // [spin]
    }

private:
    std::atomic<std::uint32_t>& word_;
};

template <lock_rank rank>
class spinlock {
public:
    constexpr spinlock() noexcept = default;
    spinlock(spinlock const&) = delete;
    spinlock& operator=(spinlock const&) = delete;

    void lock() noexcept { spin_word<rank>(word_).lock(); }
    void unlock() noexcept { spin_word<rank>(word_).unlock(); }
    void assert_held() const noexcept { FIBER_ASSERT(word_.load(std::memory_order_relaxed) != 0); }

private:
    std::atomic<std::uint32_t> word_{0};
};

} // namespace fiber::rt
