// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// A thread for each connection, which blocks in recv and send. The thread may be a fiber.
#pragma once

#include "perf/net/server.hpp"

#include <cstdio>
#include <string_view>
#include <system_error>

#include <sys/socket.h>
#include <unistd.h>

namespace perf::net {

inline bool send_all(int connection, std::string_view text) {
    while (!text.empty()) {
        auto const n = send(connection, text.data(), text.size(), MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

inline void serve_blocking(protocol what, int connection) {
    send_at_once(connection);
    serve_connection(
        what, [=](char* data, std::size_t size) { return recv(connection, data, size, 0); },
        [=](std::string_view text) { return send_all(connection, text); });
    close(connection);
}

// The program. Thread is std::thread, or has its interface.
template <class Thread>
int run_blocking_server(int argc, char** argv, char const* version) {
    auto const what = begin_server(argc, argv, version);
    int const listener = listen_on_loopback();
    for (;;) {
        int const connection = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0)
            continue;
        try {
            Thread(serve_blocking, what, connection).detach();
        } catch (std::system_error const& e) {
            std::fprintf(stderr, "no thread: %s\n", e.what());
            return 1;
        }
    }
}

} // namespace perf::net
