// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// unlock_biased.hpp: the two unlock operations of [mutex.bias] in sync/mutex.cpp: by a plain store,
// and by a subtraction that counts. Both go beyond C++'s memory model. Therefore they exist only on
// x86-64, and not under sanitizers, which must see every access.
#pragma once

#include <fiber/detail/config.hpp>

#include <cstdint>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FIBER_EVERY_ACCESS_IS_SEEN
#endif
#endif
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&                \
    !defined(FIBER_EVERY_ACCESS_IS_SEEN)
extern "C" FIBER_API bool fiber_arch_unlock_biased(void* lock) noexcept; // unlock_biased_x86_64.S
namespace fiber::detail {
inline constexpr bool may_unlock_biased = true;
inline bool unlock_biased(void* lock) noexcept { return fiber_arch_unlock_biased(lock); }
// Subtracts 1 from the first byte with release order, and returns its old value, like fetch_sub.
// Adds the carry, which is 1 unless the first byte was 0, to the second byte. The two bytes are
// aligned as one word.
inline std::uint8_t subtract_and_count(void* lock) noexcept {
    using two_bytes [[gnu::may_alias]] = std::uint16_t;
    constexpr std::uint16_t minus_one = 0xff; // modulo 256
    return static_cast<std::uint8_t>(
        __atomic_fetch_add(static_cast<two_bytes*>(lock), minus_one, __ATOMIC_RELEASE)); // [mutex.hand_on]
}
} // namespace fiber::detail
#else
namespace fiber::detail {
inline constexpr bool may_unlock_biased = false;
inline bool unlock_biased(void*) noexcept { return false; }
inline std::uint8_t subtract_and_count(void*) noexcept { return 0; }
} // namespace fiber::detail
#endif
