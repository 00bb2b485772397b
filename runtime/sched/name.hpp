// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// name.hpp: names of fibers. Few fibers have a name, so it is allocated. Freeing it takes a lock, since a
// dump may be reading it.
#pragma once

#include "runtime/sched/fiber.hpp"

#include <mutex>
#include <string_view>

namespace fiber::rt {

void set_name(fiber&, std::string_view name); // throws std::bad_alloc
void free_name(fiber&) noexcept;
inline void clear_name(fiber& g) noexcept {
    if (g.name != nullptr) [[unlikely]]
        free_name(g);
}

// `fiber 7 "name"`, cut to the buffer's size. It is for messages; any thread may ask for it.
struct fiber_name {
    char text[96];
};
[[nodiscard]] fiber_name full_name(fiber const&) noexcept;

[[nodiscard]] std::mutex& names_mutex() noexcept; // for fork

} // namespace fiber::rt
