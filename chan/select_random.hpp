// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select_random.hpp: the random choice of select. A file for this alone lets a test make the choice.
#pragma once

#include <cstdint>

namespace fiber::detail {

// Returns true with probability 1/n.
[[nodiscard]] bool one_in(std::uint32_t n) noexcept;

} // namespace fiber::detail
