// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// leaks.hpp: fibers that have not ended.
#pragma once

#include <cstdint>
#include <vector>

namespace fiber::rt {

// Returns the ids of all live fibers of this process, in order, without the caller and the library's own.
// Throws std::bad_alloc.
[[nodiscard]] std::vector<std::uint64_t> ids_of_live_fibers();

// Called after each runtime has been made. With FIBER_LEAKS=1 in the environment, the exit of the process
// prints the fibers that are parked.
void report_leaks_at_exit() noexcept;

} // namespace fiber::rt
