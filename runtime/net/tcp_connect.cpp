// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// tcp_connect.cpp: tcp_stream::connect.
#include "runtime/net/connect.hpp"
#include "runtime/net/failure.hpp"
#include "runtime/net/interleave_families.hpp"

#include <fiber/net/resolve.hpp>
#include <fiber/net/tcp_stream.hpp>

#include <string>

namespace fiber::net {

tcp_stream tcp_stream::connect(endpoint const& to, detail::deadline deadline, std::error_code& error) {
    return tcp_stream(rt::connect_to_any({&to, 1}, deadline, error));
}

tcp_stream tcp_stream::connect(endpoint const& to, std::error_code& error) {
    return connect(to, detail::never, error);
}

tcp_stream tcp_stream::connect(endpoint const& to, detail::deadline deadline) {
    return rt::or_throw([&](std::error_code& error) { return connect(to, deadline, error); }, "connect to",
                        to);
}

tcp_stream tcp_stream::connect(std::string_view host, std::uint16_t port, detail::deadline deadline,
                               std::error_code& error) {
    auto const found = resolve(host, std::to_string(port), deadline, error);
    if (error)
        return {};
    return tcp_stream(rt::connect_to_any(rt::interleave_families(found), deadline, error));
}

tcp_stream tcp_stream::connect(std::string_view host, std::uint16_t port, std::error_code& error) {
    return connect(host, port, detail::never, error);
}

tcp_stream tcp_stream::connect(std::string_view host, std::uint16_t port, detail::deadline deadline) {
    return rt::or_throw([&](std::error_code& error) { return connect(host, port, deadline, error); },
                        "connect to", host, std::string_view(std::to_string(port)));
}

} // namespace fiber::net
