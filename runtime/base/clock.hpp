// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// clock.hpp: the one clock of the runtime. Reading it costs about 21 ns, so the switch path does not.
#pragma once

#include <fiber/detail/deadline.hpp>

#include <chrono>

namespace fiber::rt {

using clock = std::chrono::steady_clock;
using detail::never;

} // namespace fiber::rt
