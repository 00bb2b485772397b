// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// biased_unlock.hpp: whether a biased unlock works here: [mutex.bias].
#pragma once

#include <fiber/detail/unlock_bias.hpp>

#include <atomic>
#include <cstdint>

namespace tests {

// Returns true if one biased unlock works. The kernel may not support it, or Valgrind; an interrupt
// in the middle makes one attempt fail.
inline bool biased_unlock_works() {
    struct {
        alignas(2) std::atomic<std::uint8_t> state{1};
        fiber::detail::unlock_bias bias;
    } lock;
    lock.bias.sample();
    return lock.bias.try_unlock(&lock, [] {});
}

} // namespace tests
