// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/net/blocking_server.hpp"

#include <thread>

int main(int argc, char** argv) {
    return perf::net::run_blocking_server<std::thread>(argc, argv, "pthreads");
}
