// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// A connection of the load generator.
#pragma once

#include <cstdint>
#include <string_view>

namespace perf::net {

// Returns a connected socket that sends small requests at once. Ends the process if that fails, as all
// functions here do.
int connect_to(std::uint16_t port, bool non_blocking);

// A request is smaller than the buffer of the socket: less than all of it is a failure.
void send_whole(int fd, std::string_view text);

// Looks whether these bytes of the answer, from `at` on, are right.
void check_answer(std::string_view answer, std::size_t at, std::string_view got);

[[noreturn]] void client_fails(std::string_view what);

} // namespace perf::net
