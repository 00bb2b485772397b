// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber::io: a fiber for each connection, which calls read and write on a descriptor as a thread does.
#include "perf/net/server.hpp"

#include <fiber/go.hpp>
#include <fiber/io.hpp>
#include <fiber/runtime.hpp>

#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace perf::net;

bool write_all(int connection, std::string_view text) {
    while (!text.empty()) {
        auto const n = fiber::io::write(connection, text.data(), text.size());
        if (n <= 0)
            return false;
        text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

void serve(protocol what, int connection) {
    send_at_once(connection);
    serve_connection(
        what, [=](char* data, std::size_t size) { return fiber::io::read(connection, data, size); },
        [=](std::string_view text) { return write_all(connection, text); });
    close(connection);
}

} // namespace

int main(int argc, char** argv) {
    auto const what = begin_server(argc, argv, "fiber::io");
    int const listener = listen_on_loopback();
    fiber::run([=] {
        for (;;) {
            int const connection = fiber::io::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
            if (connection >= 0)
                fiber::go(serve, what, connection);
        }
    });
}
