// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// random.hpp: fast random bits of moderate quality, for choosing victims.
#pragma once

#include <cstdint>

namespace fiber::rt {

// A Weyl sequence through a multiplicative mix.
class random_bits {
public:
    explicit random_bits(std::uint64_t seed) noexcept : state_(seed * 0x9E3779B97F4A7C15u) {}

    [[nodiscard]] std::uint32_t next() noexcept {
        state_ += 0x9E3779B97F4A7C15u;
        std::uint64_t const mixed = (state_ ^ (state_ >> 32)) * 0xD6E8FEB86659FD93u;
        return static_cast<std::uint32_t>(mixed >> 32);
    }
    [[nodiscard]] std::uint32_t below(std::uint32_t limit) noexcept {
        return static_cast<std::uint32_t>((std::uint64_t{next()} * limit) >> 32);
    }

private:
    std::uint64_t state_;
};

} // namespace fiber::rt
