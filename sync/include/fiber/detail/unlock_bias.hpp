// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// unlock_bias.hpp: lets the owner of a mutex without waiters unlock it by a plain store instead of a
// read-modify-write: [mutex.bias] of sync/unlock_bias.cpp. A mutex works the same without it.
#pragma once

#include <fiber/detail/config.hpp>

#include <atomic>
#include <cstdint>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FIBER_EVERY_ACCESS_IS_SEEN
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FIBER_EVERY_ACCESS_IS_SEEN
#endif

extern "C" FIBER_API bool fiber_arch_unlock_biased(void* lock) noexcept; // asm/rseq/unlock_biased_x86_64.S

namespace fiber::rt {
class mutex_queue;
} // namespace fiber::rt

namespace fiber::detail {

// Both unlock operations go beyond C++'s memory model. Therefore they are used only on x86-64, and
// not under sanitizers, which must see every access. If this is false, no mutex is ever biased, and
// unlock subtracts.
#if defined(__x86_64__) && !defined(FIBER_EVERY_ACCESS_IS_SEEN)
inline constexpr bool may_unlock_biased = true;
#else
inline constexpr bool may_unlock_biased = false;
#endif

// The bias of one mutex. The mutex begins with its state, one byte at an even address, and this
// object follows: the operations of unlock access two or three bytes at once. State 0 means free.
class unlock_bias {
public:
    // Makes the owner's next try_unlock() attempt the store if the mutex is biased. Called by the
    // new owner.
    void sample() noexcept {
        if (is_biased()) [[likely]]
            uncontended_unlocks_.store(try_biased, std::memory_order_relaxed); // relaxed: as in try_unlock()
    }

    // Frees a biased mutex, S1 and S2 of [mutex.bias]: then returns true, and the mutex may already
    // be destroyed. Otherwise returns false, and the caller still owns the mutex. Calls end_round(),
    // which calls rebias(), if the mutex is unbiased and a round of unlocks is over.
    template <class EndRound>
    [[nodiscard]] bool try_unlock(void* mutex, EndRound end_round) noexcept {
        if constexpr (may_unlock_biased) {
            // relaxed: only the owner uses it
            if (uncontended_unlocks_.load(std::memory_order_relaxed) < 0) [[likely]] {
                if (fiber_arch_unlock_biased(mutex)) [[likely]]
                    return true;
                uncontended_unlocks_.store(none_counted, std::memory_order_relaxed);
                if (!is_biased())
                    end_round();
            }
        }
        return false;
    }

    // Makes the owner's next try_unlock() return false.
    void drop_sample() noexcept {
        uncontended_unlocks_.store(none_counted, std::memory_order_relaxed); // relaxed: as in try_unlock()
    }

    // Subtracts 1 from the state with release order, and returns its old value, like fetch_sub. Also
    // counts the unlock: it adds 255 to two bytes, and the carry increments the count unless the
    // state was 0.
    std::uint8_t subtract(void* mutex) noexcept {
        if constexpr (may_unlock_biased) {
            using two_bytes [[gnu::may_alias]] = std::uint16_t;
            constexpr std::uint16_t minus_one = 255;
            return static_cast<std::uint8_t>(__atomic_fetch_add(static_cast<two_bytes*>(mutex), minus_one,
                                                                __ATOMIC_RELEASE)); // [mutex.hand_on]
        } else {
            auto& state = *static_cast<std::atomic<std::uint8_t>*>(mutex);
            return state.fetch_sub(1, std::memory_order_release); // [mutex.hand_on]
        }
    }

    // Ends the bias, W1 to W5 of [mutex.bias]. Called before a wait by the holder of the queue's lock.
    // May release the lock in between. Afterwards the mutex is unbiased, for some rounds at least.
    void revoke(rt::mutex_queue& queue) noexcept {
        if (is_biased()) [[unlikely]]
            revoke_slow(queue);
        // relaxed: guarded by the queue's lock
        rounds_unbiased_.store(unbiased, std::memory_order_relaxed);
    }

    // Counts a round of unlocks, or biases the mutex after enough rounds: R1 to R3 of [mutex.bias].
    // Called by the owner.
    void rebias(rt::mutex_queue& queue) noexcept;

    // Returns true if the mutex is biased: a snapshot.
    [[nodiscard]] bool is_biased() const noexcept {
        // relaxed: a hint. The operations that need more than a hint check again
        return may_unlock_biased && rounds_unbiased_.load(std::memory_order_relaxed) == biased;
    }

private:
    static constexpr std::uint8_t biased = 0, unbiased = 1;
    static constexpr std::int8_t try_biased = -128, none_counted = 0;

    void revoke_slow(rt::mutex_queue& queue) noexcept;

    // The assembly depends on the order of the two bytes.
    std::atomic<std::int8_t> uncontended_unlocks_{none_counted};
    std::atomic<std::uint8_t> rounds_unbiased_{biased};
};

} // namespace fiber::detail
