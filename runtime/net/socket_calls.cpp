// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/net/socket_calls.hpp"

#include "runtime/net/failure.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace fiber::rt {

long make_socket(int family, int type) noexcept {
    return rt::kernel_call(SYS_socket, family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

// EINTR: Linux has closed the descriptor nevertheless.
void close_socket(int fd) noexcept { static_cast<void>(rt::kernel_call(SYS_close, fd)); }

long set_option(int fd, int level, int name, int value) noexcept {
    return rt::kernel_call(SYS_setsockopt, fd, level, name, &value, socklen_t{sizeof value});
}

// A failure leaves the socket slower, or unaware of a dead peer. It does not prevent its use.
void tune_tcp(int fd) noexcept {
    constexpr int keep_alive_seconds = 15; // as in Go
    static_cast<void>(rt::set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1));
    static_cast<void>(rt::set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1));
    static_cast<void>(rt::set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, keep_alive_seconds));
    static_cast<void>(rt::set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, keep_alive_seconds));
}

long bind_socket(int fd, net::endpoint const& to) noexcept {
    return rt::kernel_call(SYS_bind, fd, to.data(), static_cast<socklen_t>(to.size()));
}

net::endpoint name_of_socket(int fd, long system_call_number, std::error_code& error) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    long const result = rt::kernel_call(system_call_number, fd, &address, &size);
    rt::set_code(error, static_cast<int>(result < 0 ? -result : 0));
    return error ? net::endpoint() : net::endpoint(&address, size);
}

} // namespace fiber::rt
