// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// report.hpp: lists of fibers as text for people, or as JSON.
#pragma once

#include "runtime/inspect/facts.hpp"

#include <string>
#include <vector>

namespace fiber::rt {

// The fibers of one runtime.
struct runtime_facts {
    unsigned processors = 0;
    std::size_t live = 0; // the number of live fibers, listed or not
    std::vector<fiber_facts> fibers;
};

// Prints equal fibers once. Fibers are equal if they have the same kind of wait, and the same frames below
// the library's. Without frames, fibers that were started at the same place are equal. All functions throw
// std::bad_alloc.
[[nodiscard]] std::string to_text(std::vector<runtime_facts> const&);
// Returns `fiber 7 "name"`, with the name escaped.
[[nodiscard]] std::string title_of(fiber_facts const&);
// Prints the fibers alone. Equal ones were also started in the same line, or function if no line is known.
[[nodiscard]] std::string to_text_by_start(std::vector<fiber_facts> const&);
[[nodiscard]] std::string to_json(std::vector<runtime_facts> const&);

} // namespace fiber::rt
