// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// survey.hpp: looks at all fibers of a scheduler.
#pragma once

#include "runtime/inspect/look.hpp"

#include <fiber/runtime.hpp>

#include <vector>

namespace fiber::rt {

struct survey {
    std::vector<look> fibers;
    std::vector<void*> frames;
    clock::time_point at{}; // its end
};

// Looks at the fibers while they run on. The scheduler is frozen again and again for a fifth of a
// millisecond: each trace is right, but they are not all of one moment. If the scheduler cannot be frozen,
// the rest has no frames. Throws std::bad_alloc.
[[nodiscard]] survey take_survey(scheduler&, dump_options const&);

// Looks at all fibers in one moment, in the child of a fork: snapshot.cpp. Falls back on take_survey() if
// the system refuses.
[[nodiscard]] survey take_snapshot(scheduler&, dump_options const&);

} // namespace fiber::rt
