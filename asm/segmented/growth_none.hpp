// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// growth_none.hpp: stacks do not grow by segments. See growth.hpp.
#pragma once

#include <cstddef>

#define FIBER_NO_SPLIT

namespace fiber::arch {

struct segment_location {
    std::byte* bottom = nullptr;
    std::size_t slot_size = 0;
};

[[nodiscard]] inline segment_location interrupted_segment() noexcept { return {}; }

struct growth_state {
    void attach(void*) noexcept {}
    void start_switch(growth_state const&) noexcept {}
};

} // namespace fiber::arch
