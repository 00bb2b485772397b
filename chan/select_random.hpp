// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select_random.hpp: the random choice of select. A file for the random numbers alone lets a test make the
// choice.
#pragma once

#include <cstdint>

namespace fiber::detail {

struct select_case;

// Returns true with probability 1/n.
[[nodiscard]] bool one_in(std::uint32_t n) noexcept;

// Chooses one of the offered cases uniformly at random. Their number need not be known in advance: the n-th
// case replaces the chosen one with probability 1/n.
class choice {
public:
    void offer(select_case& c) noexcept {
        if (++offered_ == 1 || one_in(offered_))
            chosen_ = &c;
    }
    [[nodiscard]] select_case* chosen() const noexcept { return chosen_; } // null if none was offered

private:
    std::uint32_t offered_ = 0;
    select_case* chosen_ = nullptr;
};

} // namespace fiber::detail
