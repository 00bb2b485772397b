// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/net/resolve.hpp>: look-ups of host names.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/net/endpoint.hpp>

#include <string_view>
#include <system_error>
#include <vector>

namespace fiber::net {

// Returns the addresses of a host, each with the port of the service, best first: in the order of RFC 6724.
// The result is never empty, and has no duplicates.
//   host      a name, a numeric address, "" for this host's loopback addresses, or unix:… as in
//             endpoint::parse(); then the service must be empty
//   service   a port, a name such as "https", or "" for port 0
// Calls getaddrinfo in a fiber of the global runtime, outside of the processors. At most 64 calls run at
// the same time in the process; equal look-ups share a call. Numeric hosts with numeric services take no
// call. Parks the calling fiber, or blocks the calling OS thread. May be called by any number of them.
// At the deadline, a point of the steady clock, the look-up fails with std::errc::timed_out. The call of
// getaddrinfo goes on, because nothing can end it; its result is dropped.
// Throws std::system_error, or sets the error_code, with a code of resolve_category(), or with std::errc.
// Throws std::bad_alloc. Mirrors Go's net.Resolver.LookupNetIP.
[[nodiscard]] FIBER_API std::vector<endpoint> resolve(std::string_view host, std::string_view service,
                                                      detail::deadline = detail::never);
[[nodiscard]] FIBER_API std::vector<endpoint> resolve(std::string_view host, std::string_view service,
                                                      std::error_code&);
[[nodiscard]] FIBER_API std::vector<endpoint> resolve(std::string_view host, std::string_view service,
                                                      detail::deadline, std::error_code&);

// Returns the category of look-up errors. Values are EAI_NONAME and so on, of <netdb.h>. Messages are those
// of gai_strerror. EAI_AGAIN equals std::errc::resource_unavailable_try_again, EAI_MEMORY equals
// not_enough_memory, and EAI_FAMILY equals address_family_not_supported. EAI_SYSTEM does not occur: the
// code is the value of errno.
[[nodiscard]] FIBER_API std::error_category const& resolve_category() noexcept;

} // namespace fiber::net
