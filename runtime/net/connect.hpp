// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// connect.hpp: makes a connection to one of several endpoints.
#pragma once

#include "runtime/base/platform/clock.hpp"
#include "runtime/net/socket_record.hpp"

#include <fiber/net/endpoint.hpp>

#include <span>
#include <system_error>

namespace fiber::rt {

// Tries the endpoints in this order. The next attempt starts when one has failed, or 250 ms after the last
// start, while the earlier ones go on (RFC 8305, section 5). The first connection wins; the others are
// closed. Returns null and sets the error of the first attempt that failed, or timed_out at the deadline.
// Throws std::bad_alloc. The caller gets the handle's reference.
[[nodiscard]] socket_record* connect_to_any(std::span<net::endpoint const>, clock::time_point deadline,
                                            std::error_code&);

} // namespace fiber::rt
