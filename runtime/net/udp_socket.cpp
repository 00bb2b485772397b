// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include <fiber/net/udp_socket.hpp>

#include "runtime/net/failure.hpp"
#include "runtime/net/open_socket.hpp"
#include "runtime/net/socket_calls.hpp"
#include "runtime/net/socket_operation.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

namespace fiber::net {
namespace {

using rt::direction, rt::readiness, rt::socket_operation;

rt::socket_record* bind(endpoint const& at) {
    auto const check = [&at](long result) {
        if (result < 0)
            rt::throw_failure(rt::error_of(static_cast<int>(-result)), "bind", at);
        return static_cast<int>(result);
    };
    int const family = at.family();
    if (family != AF_INET && family != AF_INET6)
        check(-EAFNOSUPPORT);
    rt::open_socket socket(check(rt::make_socket(family, SOCK_DGRAM)));
    if (family == AF_INET6)
        check(rt::set_option(socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, 0));
    check(rt::bind_socket(socket.fd(), at));
    return socket.into_record(rt::short_count::says_nothing);
}

// Sends to the peer if `to` has no address.
std::size_t send_datagram(rt::socket_record* record, std::span<std::byte const> from, endpoint const& to,
                          std::error_code& code) {
    socket_operation op(record, direction::write);
    void const* const address = to.size() != 0 ? to.data() : nullptr;
    long result = 0;
    int const error = op.run([&](readiness seen) {
        result = rt::kernel_call(SYS_sendto, op.fd(), from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                                 address, static_cast<socklen_t>(to.size()));
        return rt::end_of_attempt(result, from.size(), seen, op.record());
    });
    return rt::finish(error, result, code);
}

// `from` may be null.
std::size_t receive_datagram(rt::socket_record* record, std::span<std::byte> to, endpoint* from,
                             std::error_code& code) {
    socket_operation op(record, direction::read);
    sockaddr_storage sender{};
    socklen_t size = 0;
    long result = 0;
    int const error = op.run([&](readiness seen) {
        size = sizeof sender;
        result = rt::kernel_call(SYS_recvfrom, op.fd(), to.data(), to.size(), MSG_DONTWAIT,
                                 from != nullptr ? &sender : nullptr, from != nullptr ? &size : nullptr);
        return rt::end_of_attempt(result, to.size(), seen, op.record());
    });
    auto const count = rt::finish(error, result, code);
    if (!code && from != nullptr)
        *from = endpoint(&sender, size);
    return count;
}

} // namespace

udp_socket::udp_socket(endpoint const& at) : socket_handle(bind(at)) {}

// Without an address, the datagram would go to the peer.
std::size_t udp_socket::send_to(std::span<std::byte const> from, endpoint const& to, std::error_code& code) {
    if (to.size() == 0) {
        code = std::make_error_code(std::errc::destination_address_required);
        return 0;
    }
    return send_datagram(record(), from, to, code);
}

std::size_t udp_socket::recv_from(std::span<std::byte> to, endpoint& from, std::error_code& code) {
    return receive_datagram(record(), to, &from, code);
}

void udp_socket::connect(endpoint const& to, std::error_code& code) {
    rt::socket_use const use(record());
    long const result = use.error() == 0 ? rt::kernel_call(SYS_connect, use.fd(), to.data(),
                                                           static_cast<socklen_t>(to.size()))
                                         : 0;
    static_cast<void>(rt::finish(use.error(), result, code));
}

std::size_t udp_socket::send(std::span<std::byte const> from, std::error_code& code) {
    return send_datagram(record(), from, {}, code);
}

std::size_t udp_socket::recv(std::span<std::byte> to, std::error_code& code) {
    return receive_datagram(record(), to, nullptr, code);
}

std::size_t udp_socket::send_to(std::span<std::byte const> from, endpoint const& to) {
    return rt::or_throw([&](std::error_code& error) { return send_to(from, to, error); }, "send to", to);
}

std::size_t udp_socket::recv_from(std::span<std::byte> to, endpoint& from) {
    return rt::or_throw([&](std::error_code& error) { return recv_from(to, from, error); },
                        "receive from a socket");
}

void udp_socket::connect(endpoint const& to) {
    rt::or_throw([&](std::error_code& error) { connect(to, error); }, "connect to", to);
}

std::size_t udp_socket::send(std::span<std::byte const> from) {
    return rt::or_throw([&](std::error_code& error) { return send(from, error); }, "send to the peer");
}

std::size_t udp_socket::recv(std::span<std::byte> to) {
    return rt::or_throw([&](std::error_code& error) { return recv(to, error); }, "receive from the peer");
}

} // namespace fiber::net
