// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select_random.hpp: how select chooses. By itself, so that a test can decide it.
#pragma once

#include <cstdint>

namespace fiber::detail {

// True once in n times, without a pattern.
[[nodiscard]] bool one_in(std::uint32_t n) noexcept;

} // namespace fiber::detail
