// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/net/tcp_listener.hpp>: fiber::net::tcp_listener, which accepts connections.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/socket_handle.hpp>
#include <fiber/net/endpoint.hpp>
#include <fiber/net/tcp_stream.hpp>

#include <system_error>

namespace fiber::net {

struct listen_options {
    // The number of connections that may wait to be accepted; the system limits it, too: net.core.somaxconn.
    int backlog = 4096; // SOMAXCONN
    // Whether several sockets may listen on the same port; each gets a part of the connections.
    bool reuse_port = false;
    // Whether a listener on an IPv6 address, such as [::], also accepts connections over IPv4.
    bool dual_stack = true;
};

// A socket that listens, on a TCP port or on a unix socket. A handle that can be moved; its destructor closes
// the socket. Any number of fibers and OS threads may call accept() at the same time. Errors as for
// tcp_stream. Mirrors Go's net.TCPListener and net.UnixListener.
//
// A listener on a unix path makes the file, and unlinks it when it is closed, unless the file has been
// replaced since. A path that exists is std::errc::address_in_use, even if nobody listens on it.
class FIBER_API tcp_listener : private detail::socket_handle {
public:
    // Makes an object without a socket.
    tcp_listener() noexcept = default;
    // Binds the endpoint and listens. Port 0 chooses a port: local_endpoint(). Throws std::system_error.
    explicit tcp_listener(endpoint const&, listen_options = {});

    // Wait for a connection. Connections that end before they are accepted are passed over. If the process
    // or the system is short of descriptors or memory, one warning is printed. The connection then stays in
    // the backlog, and accept tries again after 5 ms, later after 10 ms and so on, up to 1 s.
    [[nodiscard]] tcp_stream accept();
    [[nodiscard]] tcp_stream accept(std::error_code&);
    // From `when` on, accept() fails with std::errc::timed_out.
    void set_deadline(detail::deadline when) noexcept { set_read_deadline(when); }

    using socket_handle::close;
    using socket_handle::local_endpoint;
    using socket_handle::native_handle;
    using socket_handle::release; // a released unix path stays
    using socket_handle::wait_readable;
};

} // namespace fiber::net
