// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// spinlock.hpp: the lock under all others, held for tens of instructions and never across user code, an
// allocation, a system call or a switch. The one exception is a park: a commit function may release it on the next
// stack.
#pragma once

#include "runtime/base/assert.hpp"
#include "runtime/base/lock_rank.hpp"
#include "runtime/base/process_stamp.hpp"

#include <atomic>
#include <cstdint>

namespace fiber::rt {

// What the guarded data are to the one who has just taken the lock. [fork] Those that this process has inherited
// from the parent of a fork name waiters who have stayed behind there; and torn ones were being changed as it forked.
enum class guarded_data : std::uint8_t { ours, inherited, torn };

// The lock word, which is 0 at first: bit 0 says whether it is locked, the others in which process it was last locked
// or unlocked: fork_generation.
class spin_word_value {
public:
    static constexpr std::uint32_t locked = 1;
    // Relaxed: it changes only while no other thread exists.
    [[nodiscard]] static std::uint32_t unlocked_value() noexcept {
        return std::uint32_t{fork_generation.load(std::memory_order_relaxed)} << 1;
    }
};

// The rest of lock(), if the word was not what it is when it has been unlocked in this process. Waits for it to become
// so: pauses for some microseconds, then lets the kernel run the holder, who has lost his CPU in the middle.
[[nodiscard]] guarded_data spin_lock_slow(std::atomic<std::uint32_t>& word, std::uint32_t was) noexcept;
[[noreturn]] void guarded_data_torn() noexcept;

// The operations, for a word that stands in a public class and must not drag this header along.
template <lock_rank rank>
class spin_word {
public:
    explicit spin_word(std::atomic<std::uint32_t>& word) noexcept : word_(word) {}

    // For data that can be made afresh, whatever has become of them.
    [[nodiscard]] guarded_data lock_unchecked() noexcept {
        auto const free = spin_word_value::unlocked_value();
        auto const was = word_.exchange(free | spin_word_value::locked, std::memory_order_acquire); // [spin]
        auto const data = was == free ? guarded_data::ours : spin_lock_slow(word_, was);
        note_locked(rank, &word_);
        return data;
    }
    // Aborts if they are torn.
    guarded_data lock() noexcept {
        auto const data = lock_unchecked();
        if (data == guarded_data::torn) [[unlikely]]
            guarded_data_torn();
        return data;
    }
    void unlock() noexcept {
        note_unlocked(rank, &word_);
        word_.store(spin_word_value::unlocked_value(), std::memory_order_release); // [spin]
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
    void assert_held() const noexcept {
        FIBER_ASSERT((word_.load(std::memory_order_relaxed) & spin_word_value::locked) != 0);
    }

private:
    std::atomic<std::uint32_t> word_{0};
};

} // namespace fiber::rt
