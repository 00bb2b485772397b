// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// system_lookup.hpp: look-ups by the C library.
#pragma once

#include "runtime/net/resolver.hpp"

#include <string>

namespace fiber::rt {

// Calls getaddrinfo outside of the processors, on a stack that is large enough for name service modules.
// Returns the addresses in its order, without duplicates. An empty host means the loopback addresses.
// Throws std::bad_alloc, and std::system_error if no stack can be had.
[[nodiscard]] lookup_result system_lookup(std::string const& host, std::string const& service);

} // namespace fiber::rt
