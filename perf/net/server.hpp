// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The command line of the servers of ./perf/run --net: `program PROTOCOL` serves on a free port of 127.0.0.1
// until the parent ends. It writes "port N" when it listens. `program version` writes one line: what it is.
#pragma once

#include "perf/net/connection.hpp"

#include <cstdint>

namespace perf::net {

// Reads the command line, and raises the limit on descriptors. Ends the process unless the command line names
// a protocol.
protocol begin_server(int argc, char** argv, char const* version);

void announce(std::uint16_t port);

// Returns a blocking socket that listens, and announces its port. Ends the process if there is none.
int listen_on_loopback();

// Small answers go out at once. Go does that, too.
void send_at_once(int connection);

} // namespace perf::net
