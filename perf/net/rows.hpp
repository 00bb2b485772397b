// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The rows and columns of ./perf/run --net.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace perf::net {

// A server is a program with the command line that server.hpp describes.
struct server {
    std::string name, program;
    std::string package{}; // in Debian and its kin, for the program to be built
    std::string version{}; // as the program says; empty: it is not here
};

// Returns all servers, with their versions.
std::vector<server> servers();

struct row {
    std::string_view name; // of a shape of net_load, too
    std::string_view title, protocol;
    int connections;
    bool one_cpu = false;  // for server and client
    bool with_wrk = false; // else net_load
};

std::vector<row> const& rows();

// What is asked of one server in one row.
struct goal {
    enum class of {
        rate, // at least `limit` times that of the reference
        p50,
        p99, // at most `limit` times that of the reference
        calls,
        vain_reads,
        epoll_ctl // at most `limit`: a request, of the requests, of all
    };
    std::string_view row, server;
    of what;
    double limit;
    std::string_view reference{};
};

std::vector<goal> const& goals();

} // namespace perf::net
