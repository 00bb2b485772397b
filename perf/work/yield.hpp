// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a scheduled yield cost, when there is always another party to switch to?
#pragma once

#include "perf/parties.hpp"

namespace perf {

template <class Rival>
nanoseconds yield_in_turns(std::int64_t parties, std::int64_t n) {
    return Rival::run([parties, n] {
        return together<Rival>(parties, n, [](std::int64_t rounds) {
            for (std::int64_t i = 0; i < rounds; ++i)
                Rival::yield();
        });
    });
}

} // namespace perf
