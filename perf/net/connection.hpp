// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What the servers of ./perf/run --net do on a connection, the same in all of them. Only how they wait
// differs.
//   echo    sends back what comes. The buffer has the size of a block of the row `stream`.
//   http    answers each request with the same bytes
#pragma once

#include "perf/net/http.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace perf::net {

enum class protocol { echo, http };

inline constexpr std::size_t echo_buffer = 512, http_buffer = 4096;

// Serves one connection until it ends. read(data, size) returns how many bytes came; none, or less, at the
// end. write(text) returns false if it cannot send all.
template <class Read, class Write>
void serve_echo(Read const& read, Write const& write) {
    std::array<char, echo_buffer> buffer;
    for (;;) {
        auto const n = read(buffer.data(), buffer.size());
        if (n <= 0 || !write(std::string_view(buffer.data(), static_cast<std::size_t>(n))))
            return;
    }
}

template <class Read, class Write>
void serve_http(Read const& read, Write const& write) {
    std::array<char, http_buffer> buffer;
    std::size_t have = 0;
    for (;;) {
        auto const head = parse_head({buffer.data(), have});
        if (head.is_bad())
            return;
        if (head.is_complete()) {
            if (!write(response) || !head.keep_alive)
                return;
            have -= head.length;
            std::memmove(buffer.data(), buffer.data() + head.length, have);
            continue;
        }
        auto const n = read(buffer.data() + have, buffer.size() - have);
        if (n <= 0)
            return;
        have += static_cast<std::size_t>(n);
    }
}

template <class Read, class Write>
void serve_connection(protocol what, Read const& read, Write const& write) {
    what == protocol::echo ? serve_echo(read, write) : serve_http(read, write);
}

} // namespace perf::net
