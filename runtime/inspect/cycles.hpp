// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// cycles.hpp: fibers that wait for each other in a circle, by joins and by locks with a known holder. Others
// may still run: it is a deadlock of a part of the program.
#pragma once

#include "runtime/inspect/report.hpp"

namespace fiber::rt {

// One fiber of a circle, and what it waits for.
struct waiting_fiber {
    fiber const* record;
    std::uint64_t number;
    std::string title; // `fiber 7 "name"`
    wait_reason why;
    void const* what;
};
// The fibers of one circle: each waits for the next one, and the last for the first. The first has the
// lowest number.
using circle = std::vector<waiting_fiber>;

// Returns the circles among these fibers. Reads each wait a second time: it lasts. Throws std::bad_alloc.
[[nodiscard]] std::vector<circle> find_circles(std::vector<runtime_facts> const&);
// Returns one line.
[[nodiscard]] std::string to_text(circle const&);

// Prints each circle once in the process, when FIBER_DEBUG=locks looks for them. Called now and then.
void report_new_circles() noexcept;

} // namespace fiber::rt
