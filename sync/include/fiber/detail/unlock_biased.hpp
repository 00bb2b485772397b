// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// unlock_biased.hpp: unlocking without a read-modify-write, and counting how often it takes one, [mutex.bias] of
// sync/mutex.cpp. On x86-64 only, and not where sanitizers must see every access: these go beyond C++'s memory model.
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
// Subtracts 1 from the first byte, as fetch_sub does, a release; and adds 1 to the second: the carry, unless the first was 0. To
// count in another instruction would cost 2 ns of 16. The two bytes are aligned as one word.
inline std::uint8_t subtract_and_count(void* lock) noexcept {
    std::uint16_t was = 0xff;
    asm volatile("lock xaddw %0, (%1)" : "+r"(was) : "r"(lock) : "memory", "cc");
    return static_cast<std::uint8_t>(was);
}
} // namespace fiber::detail
#else
namespace fiber::detail {
inline constexpr bool may_unlock_biased = false;
inline bool unlock_biased(void*) noexcept { return false; }
inline std::uint8_t subtract_and_count(void*) noexcept { return 0; }
} // namespace fiber::detail
#endif
