// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stats.hpp: counts for runtime::stats().
#pragma once

#include <fiber/runtime.hpp>

namespace fiber::rt {

[[nodiscard]] runtime_stats stats(scheduler const&);

} // namespace fiber::rt
