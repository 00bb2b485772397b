// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// line_table.hpp: source lines of addresses, from the section .debug_line of DWARF 2 to 5.
#pragma once

#include "runtime/inspect/symbols/elf_file.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fiber::rt {

// A call of a function that was inlined. The file is its number in the line program of the unit.
struct call_site {
    std::uint64_t file = 0;
    unsigned line = 0;
};

struct source_line {
    std::uintptr_t address; // as in the file
    std::string file;       // empty if unknown
    unsigned line = 0;
    std::vector<call_site> inlined_at; // innermost first
};

// Sets file and line of each element, where the file has debugging information. Code of this library's or
// the standard library's headers may have been inlined into the program. Then it is the line of the
// program's call. The elements are sorted by address. Reads the whole section once. Throws std::bad_alloc.
void find_lines(elf_file const&, std::span<source_line> sorted);

} // namespace fiber::rt
