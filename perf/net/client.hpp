// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The clients of the load generator. The next request of a connection waits for the answer to the last one.
//   closed_loop   many connections, one epoll set
//   one_blocking  one connection, which blocks in recv: the cheapest client for one that shares the CPU
//   pipelined     one connection, 64 blocks on their way
// Each checks the bytes of every answer, and ends the process if they are wrong or do not come.
#pragma once

#include "perf/net/histogram.hpp"
#include "perf/workload.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace perf::net {

// When to stop: at this time, or after this many requests.
struct limit {
    clock::time_point end = clock::time_point::max();
    std::int64_t requests = INT64_MAX;
};

struct exchange {
    std::string_view request, answer;
};

class client {
public:
    virtual ~client() = default;
    // Runs until the limit. All requests are answered when it returns. Returns their number.
    virtual std::int64_t run(limit const&, histogram& latencies) = 0;
};

std::unique_ptr<client> closed_loop(std::uint16_t port, std::int64_t connections, exchange);
std::unique_ptr<client> one_blocking(std::uint16_t port, exchange);
std::unique_ptr<client> pipelined(std::uint16_t port, exchange);

} // namespace perf::net
