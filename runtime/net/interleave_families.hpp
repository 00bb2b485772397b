// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// interleave_families.hpp: the order in which Happy Eyeballs tries addresses.
#pragma once

#include <fiber/net/endpoint.hpp>

#include <vector>

namespace fiber::rt {

// Alternates the address families, beginning with the family of the first address (RFC 8305, section 4). The
// order within a family stays. If the best address's family cannot be reached from here, the second attempt
// then already tries the other one.
[[nodiscard]] std::vector<net::endpoint> interleave_families(std::vector<net::endpoint> const& best_first);

} // namespace fiber::rt
