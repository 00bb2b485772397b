// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber_number.hpp: the number in a fiber::id, for the library.
#pragma once

#include <fiber/go.hpp>

#include <cstdint>

namespace fiber::detail {

struct id_maker {
    [[nodiscard]] static fiber::id make(std::uint64_t number) noexcept { return fiber::id(number); }
    [[nodiscard]] static std::uint64_t number(fiber::id i) noexcept { return i.number_; }
};

} // namespace fiber::detail
