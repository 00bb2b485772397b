// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// name.hpp: names of fibers. Few fibers have a name, so it is allocated. Freeing it takes a lock, since a
// dump may be reading it. The copy for a fiber of the library itself begins at an odd address, which tells
// a dump that may take no lock. fiber-gdb.py knows that, too.
#pragma once

#include "runtime/sched/fiber.hpp"

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace fiber::rt {

void set_name(fiber&, std::string_view name); // throws std::bad_alloc
void free_name(fiber&) noexcept;
inline void clear_name(fiber& g) noexcept {
    if (g.name != nullptr) [[unlikely]]
        free_name(g);
}

// Returns true if the library itself has started the fiber, and it has not ended. Takes no lock.
[[nodiscard]] inline bool is_library_fiber(fiber const& g) noexcept {
    return (reinterpret_cast<std::uintptr_t>(static_cast<char const*>(g.name)) & 1) != 0;
}

// `fiber 7 "name"`, cut to the buffer's size. It is for messages; any thread may ask for it.
struct fiber_name {
    char text[96];
};
[[nodiscard]] fiber_name full_name(fiber const&) noexcept;
// Returns the whole name, or an empty string; any thread may ask for it. Throws std::bad_alloc.
[[nodiscard]] std::string copy_of_name(fiber const&);

[[nodiscard]] std::mutex& names_mutex() noexcept; // for fork

} // namespace fiber::rt
