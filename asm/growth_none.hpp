// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// growth_none.hpp: a stack is one piece. See growth.hpp.
#pragma once

#define FIBER_NO_SPLIT

namespace fiber::arch {

struct growth_state {
    void attach(void*) noexcept {}
    void leave_for(growth_state const&) noexcept {}
};

} // namespace fiber::arch
