// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// unlock_alone.hpp: unlocking without a read-modify-write, [mutex.alone] of sync/mutex.cpp. On x86-64 only, and not where
// sanitizers must see every access.
#pragma once

#include <fiber/detail/config.hpp>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FIBER_EVERY_ACCESS_IS_SEEN
#endif
#endif
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&                \
    !defined(FIBER_EVERY_ACCESS_IS_SEEN)
extern "C" FIBER_API bool fiber_arch_unlock_alone(void* lock) noexcept; // unlock_alone_x86_64.S
namespace fiber::detail {
inline constexpr bool may_unlock_alone = true;
inline bool unlock_alone(void* lock) noexcept { return fiber_arch_unlock_alone(lock); }
} // namespace fiber::detail
#else
namespace fiber::detail {
inline constexpr bool may_unlock_alone = false;
inline bool unlock_alone(void*) noexcept { return false; }
} // namespace fiber::detail
#endif
