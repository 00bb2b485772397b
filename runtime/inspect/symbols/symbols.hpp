// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// symbols.hpp: names of code addresses for people: function, source line, and module with an offset.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

namespace fiber::rt {

struct place {
    std::string function; // demangled; empty if unknown
    bool is_ours = false; // a function of this library
    std::string file;     // empty without debugging information
    unsigned line = 0;
    std::string module;     // the path of the program or library; empty if the address is in none
    std::size_t offset = 0; // in the module, as addr2line expects it
};

// Looks up addresses of a running program. One call takes one pass over each file.
class symbol_table {
public:
    // Adds return addresses: the place is that of the call before. Throws std::bad_alloc.
    void add(std::vector<void const*> const& return_addresses);
    // Returns what is known about an address that was added.
    [[nodiscard]] place const& operator[](void const* address) const noexcept;

private:
    std::unordered_map<void const*, place> known_;
    place const unknown_{};
};

// Returns `function at file:line (module+0xoffset)`; leaves out what is unknown.
[[nodiscard]] std::string to_text(place const&);

} // namespace fiber::rt
