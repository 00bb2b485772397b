// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The system calls that a server makes for a fixed number of requests. `perf stat` counts them at full speed,
// but needs a privilege and the kernel's trace points. strace needs less, and slows the server down: it then
// finds more connections ready at a time than it would, and makes fewer vain reads.
#pragma once

#include "perf/net/measure.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace perf::net {

struct counted_calls {
    std::int64_t requests = 0;
    std::map<std::string, std::int64_t> by_name{}; // "others" are those without a name
    std::int64_t vain_reads = 0;                   // which found nothing

    [[nodiscard]] std::int64_t all() const;
    [[nodiscard]] std::int64_t epoll_ctl() const;
    // All that came more than once in a hundred requests: "sendto 1.00, recvfrom 1.00, epoll_wait 0.02".
    [[nodiscard]] std::string in_words() const;
};

enum class counter { perf_stat, strace, none };

// Returns the best counter that works here.
counter find_counter();

// Counts while exactly this many requests are answered, after the server has warmed up. Throws
// std::runtime_error if that fails.
counted_calls count_calls(counter, server const&, row const&, pair_of_cpus, std::int64_t requests);

} // namespace perf::net
