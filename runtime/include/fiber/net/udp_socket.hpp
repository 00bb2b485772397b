// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/net/udp_socket.hpp>: fiber::net::udp_socket, which sends and receives datagrams.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/socket_handle.hpp>
#include <fiber/net/endpoint.hpp>

#include <cstddef>
#include <span>
#include <system_error>

namespace fiber::net {

// A UDP socket. A handle that can be moved; its destructor closes the socket. One agent may receive, one may
// send and one may close at the same time; others wait for their turn. Errors as for tcp_stream. Mirrors
// Go's net.UDPConn.
class FIBER_API udp_socket : private detail::socket_handle {
public:
    // Makes an object without a socket.
    udp_socket() noexcept = default;
    // Binds the endpoint, which is not a unix socket. Port 0 chooses a port: local_endpoint(). [::] also
    // receives datagrams over IPv4. Throws std::system_error.
    explicit udp_socket(endpoint const&);

    // Send one datagram, and return its size. Wait while the send buffer is full.
    std::size_t send_to(std::span<std::byte const>, endpoint const& to);
    std::size_t send_to(std::span<std::byte const>, endpoint const& to, std::error_code&);
    // Wait for a datagram. Return its size, which may be 0, or that of the buffer, if the buffer is smaller:
    // the rest of the datagram is lost. `from` becomes the sender.
    std::size_t recv_from(std::span<std::byte>, endpoint& from);
    std::size_t recv_from(std::span<std::byte>, endpoint& from, std::error_code&);

    // Set the peer: send() sends to it, and other senders' datagrams are no longer received. Never wait.
    void connect(endpoint const&);
    void connect(endpoint const&, std::error_code&);
    // As send_to() and recv_from(), for the peer. After a datagram that the peer's host has refused, the next
    // operation fails with connection_refused.
    std::size_t send(std::span<std::byte const>);
    std::size_t send(std::span<std::byte const>, std::error_code&);
    std::size_t recv(std::span<std::byte>);
    std::size_t recv(std::span<std::byte>, std::error_code&);

    using socket_handle::close;
    using socket_handle::local_endpoint;
    using socket_handle::native_handle;
    using socket_handle::release;
    using socket_handle::remote_endpoint;
    using socket_handle::set_deadline;
    using socket_handle::set_read_deadline;
    using socket_handle::set_write_deadline;
    using socket_handle::wait_readable;
};

} // namespace fiber::net
