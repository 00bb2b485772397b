// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// clock.hpp: the only clock of the runtime. Reading it takes tens of nanoseconds, so the switch
// path does not read it.
#pragma once

#include <fiber/detail/deadline.hpp>

#include <chrono>

namespace fiber::rt {

using clock = std::chrono::steady_clock;
using detail::never;

} // namespace fiber::rt
