// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber::net: a fiber for each connection.
#include "perf/net/server.hpp"

#include <fiber/go.hpp>
#include <fiber/net.hpp>
#include <fiber/runtime.hpp>

#include <span>
#include <system_error>
#include <utility>

namespace {

using namespace perf::net;

void serve(protocol what, fiber::net::tcp_stream stream) {
    std::error_code error; // a client may end at any time
    serve_connection(
        what,
        [&](char* data, std::size_t size) {
            auto const n = stream.read_some(std::as_writable_bytes(std::span(data, size)), error);
            return error ? 0 : static_cast<std::ptrdiff_t>(n);
        },
        [&](std::string_view text) {
            stream.write_all(std::as_bytes(std::span(text)), error);
            return !error;
        });
}

} // namespace

int main(int argc, char** argv) {
    auto const what = begin_server(argc, argv, "fiber::net");
    fiber::run([what] {
        fiber::net::tcp_listener listener(fiber::net::endpoint::parse("127.0.0.1:0"));
        announce(listener.local_endpoint().port());
        for (;;)
            fiber::go(serve, what, listener.accept());
    });
}
