// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// short_wait.hpp: the shortest hooked call that must wait, for tests of what becomes of hooked calls.
#pragma once

#include <unistd.h>

namespace tests {

// Returns true if the call succeeds. It parks, or is counted as the plain call.
inline bool short_wait() { return ::usleep(100) == 0; }

} // namespace tests
