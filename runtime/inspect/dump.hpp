// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// dump.hpp: prints or returns a list of all live fibers.
#pragma once

#include "runtime/inspect/report.hpp"

namespace fiber::rt {

// Looks at the fibers of one runtime, or of all. `from` is the return address of the function that the
// program has called. All throw std::bad_alloc.
[[nodiscard]] runtime_facts look_at_runtime(scheduler&, dump_options const&, void const* from);
[[nodiscard]] std::vector<runtime_facts> look_at_all(dump_options const&, void const* from);

[[nodiscard]] std::string report(std::vector<runtime_facts> const&, dump_options const&);

// Writes the whole text. Errors are ignored.
void write_all(int fd, std::string_view) noexcept;

} // namespace fiber::rt
