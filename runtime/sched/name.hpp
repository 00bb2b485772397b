// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// name.hpp: fibers' names. Few have one, so it is allocated; freeing takes a lock, since a dump may be
// reading it.
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

// `fiber 7 "name"`, cut to the buffer: for messages, from any thread.
struct fiber_name {
    char text[96];
};
[[nodiscard]] fiber_name full_name(fiber const&) noexcept;

[[nodiscard]] std::mutex& names_mutex() noexcept; // for fork

} // namespace fiber::rt
