// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select_random.cpp: the random numbers of select.
#include "chan/select_random.hpp"

#include "runtime/base/platform/random.hpp"

namespace fiber::detail {

// noinline: the address of a thread_local must not be kept across a switch.
[[gnu::noinline]] bool one_in(std::uint32_t n) noexcept {
    thread_local rt::random_bits bits(reinterpret_cast<std::uintptr_t>(&bits));
    return bits.below(n) == 0;
}

} // namespace fiber::detail
