// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// spinlock.hpp: the lock below all others. It is held for tens of instructions, and never across
// user code, an allocation, a system call or a switch. One exception: when an agent parks, a commit
// function may release the lock on the next stack.
#pragma once

#include "runtime/base/lock/lock_rank.hpp"
#include "runtime/base/process/assert.hpp"
#include "runtime/base/process/process_stamp.hpp"

#include <atomic>
#include <cstdint>

namespace fiber::rt {

// The state of the guarded data when the lock has just been taken.
//   ours        last locked or unlocked by this process
//   inherited   [fork] last unlocked in the parent process: the data name waiters of the parent
//   torn        [fork] locked when the parent forked: the data were being changed
enum class guarded_data : std::uint8_t { ours, inherited, torn };

// The lock word, which is 0 at first. Bit 0: locked. The other bits: the process that locked or
// unlocked it last, as fork_generation.
class spin_word_value {
public:
    static constexpr std::uint32_t locked = 1;
    // Returns the word of an unlocked lock in this process. relaxed: fork_generation changes only while no
    // other thread exists.
    [[nodiscard]] static std::uint32_t unlocked_value() noexcept {
        return std::uint32_t{fork_generation.load(std::memory_order_relaxed)} << 1;
    }
};

// The rest of lock(), called if the word was not the unlocked value of this process. Waits until
// the word is free: pauses for some microseconds, then yields the CPU, because the holder may have
// lost its own.
[[nodiscard]] guarded_data spin_lock_slow(std::atomic<std::uint32_t>& word, std::uint32_t was) noexcept;
[[noreturn]] void guarded_data_torn() noexcept;

// The operations on a word in a public class, which must not include this header.
template <lock_rank rank>
class spin_word {
public:
    explicit spin_word(std::atomic<std::uint32_t>& word) noexcept : word_(word) {}

    // Locks, and accepts data in any state: for data that can be created anew.
    [[nodiscard]] guarded_data lock_unchecked() noexcept {
        auto const free = spin_word_value::unlocked_value();
        auto const was = word_.exchange(free | spin_word_value::locked, std::memory_order_acquire); // [spin]
        auto const data = was == free ? guarded_data::ours : spin_lock_slow(word_, was);
        note_locked(rank, &word_);
        return data;
    }
    // Locks, and aborts if the data are torn.
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
