// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// lookup_limits.hpp: what a call of getaddrinfo or a similar function takes, in fiber::net or hooked.
#pragma once

#include <cstddef>

namespace fiber::rt {

// Address space; memory is used as it is touched. Modules for LDAP or mDNS expect the stack of a thread.
inline constexpr std::size_t lookup_stack_size = std::size_t{1} << 20;

// The limit for look-ups of one origin at a time. Each occupies an OS thread, and may wait for a name server
// for half a minute.
inline constexpr unsigned max_running_lookups = 64;

} // namespace fiber::rt
