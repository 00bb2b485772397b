// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// inlined_calls.hpp: which calls were inlined at an address, from .debug_info of DWARF 2 to 5.
#pragma once

#include "runtime/inspect/symbols/line_table.hpp"

namespace fiber::rt {

// Sets inlined_at of each element. Reads the units of these addresses alone. Throws std::bad_alloc.
void find_inlined_calls(elf_file const&, std::span<source_line> sorted);

} // namespace fiber::rt
