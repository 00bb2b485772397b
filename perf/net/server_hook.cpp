// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The server of server_threads.cpp with fiber::thread in place of std::thread. It is linked with fiber::hook.
#include "perf/net/blocking_server.hpp"

#include <fiber/go.hpp>

int main(int argc, char** argv) {
    return perf::net::run_blocking_server<fiber::thread>(argc, argv, "fiber::hook");
}
