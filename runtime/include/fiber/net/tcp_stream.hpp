// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/net/tcp_stream.hpp>: fiber::net::tcp_stream, one end of a connection.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/socket_handle.hpp>
#include <fiber/net/endpoint.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <system_error>

struct iovec; // <sys/uio.h>

namespace fiber::net {

// A connection over TCP, or over a unix stream socket. A handle that can be moved; its destructor closes the
// connection. One agent may read, one may write and one may close at the same time. Further readers and
// writers wait for their turn. Mirrors Go's net.TCPConn and net.UnixConn.
//
// Operations park the fiber, or block the OS thread. An operation with an error_code& as last argument sets
// it, and clears it when it succeeds. The other operations throw std::system_error. Errors:
//   timed_out             the deadline has passed: set_deadline()
//   operation_canceled    the stream has been closed on this side
//   bad_file_descriptor   the object has no socket: made by default, or moved from
//   others                as from the system call: connection_reset, broken_pipe …
// SIGPIPE is never raised. TCP_NODELAY is on, and so is keep-alive, after 15 s.
class FIBER_API tcp_stream : private detail::socket_handle {
public:
    // Makes an object without a socket.
    tcp_stream() noexcept = default;
    // Takes over a connected stream socket, and switches it to non-blocking mode. Throws std::system_error if
    // fd is not an open stream socket. Then fd still belongs to the caller. Do not set SO_OOBINLINE or enable
    // kernel TLS on a stream that exists: release it before, and take it over after that.
    explicit tcp_stream(int fd);

    // Connect to the endpoint. Fail with timed_out at the deadline.
    [[nodiscard]] static tcp_stream connect(endpoint const&, detail::deadline = detail::never);
    [[nodiscard]] static tcp_stream connect(endpoint const&, std::error_code&);
    [[nodiscard]] static tcp_stream connect(endpoint const&, detail::deadline, std::error_code&);
    // Look up the host, and connect to one of its addresses. IPv6 and IPv4 addresses are tried alternately.
    // The next attempt starts when one has failed, or 250 ms after the last start. The first connection wins,
    // and the other attempts are dropped (RFC 8305, Happy Eyeballs). The deadline includes the look-up. After
    // a failure the error is that of the first attempt, or of resolve().
    [[nodiscard]] static tcp_stream connect(std::string_view host, std::uint16_t port,
                                            detail::deadline = detail::never);
    [[nodiscard]] static tcp_stream connect(std::string_view host, std::uint16_t port, std::error_code&);
    [[nodiscard]] static tcp_stream connect(std::string_view host, std::uint16_t port, detail::deadline,
                                            std::error_code&);

    // Read what there is, at least 1 byte, and return the number of bytes. Return 0 at the end of the stream,
    // and for an empty buffer.
    std::size_t read_some(std::span<std::byte>);
    std::size_t read_some(std::span<std::byte>, std::error_code&);
    // As read_some(), into several buffers: the first 1024 of them.
    std::size_t readv_some(std::span<iovec const>);
    std::size_t readv_some(std::span<iovec const>, std::error_code&);
    // Fill the buffer. Fail with connection_aborted if the stream ends before. After a failure the bytes that
    // came are in the buffer; the second form returns their number.
    void read_exact(std::span<std::byte>);
    std::size_t read_exact(std::span<std::byte>, std::error_code&);
    // Wait until a read would not block.
    using socket_handle::wait_readable;

    // Write all bytes. Two writers never interleave. The second form returns the number of bytes written,
    // which after a failure may be less.
    void write_all(std::span<std::byte const>);
    std::size_t write_all(std::span<std::byte const>, std::error_code&);
    // As write_all(), from several buffers. Any number of them.
    void writev_all(std::span<iovec const>);
    std::size_t writev_all(std::span<iovec const>, std::error_code&);
    // Send n bytes of a file from `offset` on. Return the number of bytes sent, which is less than n if the
    // file ends before, or after a failure. Do not move the file's position. Never interleave with another
    // writer. Reading the file from a disk blocks the thread, as it does for read(). Mirror sendfile(2).
    std::uint64_t send_file(int fd, std::uint64_t offset, std::uint64_t n);
    std::uint64_t send_file(int fd, std::uint64_t offset, std::uint64_t n, std::error_code&);
    // End the direction from here to the peer: the peer reads the end of the stream. Writes fail from then
    // on.
    void shutdown_write();
    void shutdown_write(std::error_code&);

    using socket_handle::close;
    using socket_handle::local_endpoint;
    using socket_handle::native_handle;
    using socket_handle::release;
    using socket_handle::remote_endpoint;
    using socket_handle::set_deadline;
    using socket_handle::set_read_deadline;
    using socket_handle::set_write_deadline;

private:
    friend class tcp_listener;
    explicit tcp_stream(rt::socket_record* record) noexcept : socket_handle(record) {}
};

} // namespace fiber::net
