// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// One measurement of one server. All functions here throw std::runtime_error if a program fails.
#pragma once

#include "perf/net/child.hpp"
#include "perf/net/figures.hpp"
#include "perf/net/rows.hpp"

#include <chrono>
#include <string>

namespace perf::net {

inline constexpr std::chrono::seconds time_limit{60}; // for a program to answer

// A server that runs on this CPU until this is destroyed.
struct running_server {
    running_server(server const&, std::string_view protocol, int cpu);
    child process;
    std::string port;
};

struct pair_of_cpus {
    int server = 0, client = 0;
};

figures measure(server const&, row const&, pair_of_cpus, std::chrono::milliseconds);

} // namespace perf::net
