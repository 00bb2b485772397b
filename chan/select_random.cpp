// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "chan/select_random.hpp"

#include "runtime/base/random.hpp"

namespace fiber::detail {

// A function of its own: nothing thread-local may be held across a switch.
[[gnu::noinline]] bool one_in(std::uint32_t n) noexcept {
    thread_local rt::random_bits bits(reinterpret_cast<std::uintptr_t>(&bits));
    return bits.below(n) == 0;
}

} // namespace fiber::detail
