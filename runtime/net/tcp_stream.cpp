// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// tcp_stream.cpp: reads, writes, and the adoption of descriptors. connect.cpp makes connections.
#include <fiber/net/tcp_stream.hpp>

#include "runtime/io/iovec_window.hpp"
#include "runtime/io/socket_attempt.hpp"
#include "runtime/net/failure.hpp"
#include "runtime/net/gather.hpp"
#include "runtime/net/socket_calls.hpp"
#include "runtime/net/socket_operation.hpp"

#include <algorithm>
#include <climits>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace fiber::net {
namespace {

using rt::attempt_end, rt::direction, rt::readiness, rt::socket_operation;

// Returns 0, or the error that prevents the adoption.
int prepare_for_adoption(int fd) noexcept {
    long const type = rt::socket_option(fd, SOL_SOCKET, SO_TYPE);
    if (type < 0)
        return static_cast<int>(-type);
    if (type != SOCK_STREAM || rt::socket_option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 0)
        return EPROTOTYPE;
    long flags = rt::kernel_call(SYS_fcntl, fd, F_GETFL);
    if (flags >= 0 && (flags & O_NONBLOCK) == 0)
        flags = rt::kernel_call(SYS_fcntl, fd, F_SETFL, flags | O_NONBLOCK);
    return flags < 0 ? static_cast<int>(-flags) : 0;
}

rt::socket_record* adopt(int fd) {
    if (int const error = prepare_for_adoption(fd))
        rt::throw_failure(rt::error_of(error), "take over a stream socket");
    auto const meaning = rt::short_counts_drain(fd) ? rt::short_count::drains : rt::short_count::says_nothing;
    auto* const record = new rt::socket_record(fd, meaning);
    if (meaning == rt::short_count::drains)
        rt::tune_tcp(fd);
    return record;
}

} // namespace

tcp_stream::tcp_stream(int fd) : socket_handle(adopt(fd)) {}

std::size_t tcp_stream::read_some(std::span<std::byte> to, std::error_code& code) {
    socket_operation op(record(), direction::read);
    if (to.empty())
        return rt::finish(op.check(), 0, code);
    std::size_t const size = std::min(to.size(), rt::max_transfer);
    long result = 0;
    int const error = op.run([&](readiness seen) {
        result = rt::kernel_call(SYS_recvfrom, op.fd(), to.data(), size, MSG_DONTWAIT, nullptr, nullptr);
        return rt::end_of_attempt(result, size, seen, op.record());
    });
    return rt::finish(error, result, code);
}

std::size_t tcp_stream::readv_some(std::span<iovec const> to, std::error_code& code) {
    socket_operation op(record(), direction::read);
    to = to.first(std::min(to.size(), std::size_t{IOV_MAX}));
    std::size_t const size = rt::size_of(to);
    if (size == 0)
        return rt::finish(op.check(), 0, code);
    long result = 0;
    int const error = op.run([&](readiness seen) {
        msghdr message{};
        message.msg_iov = const_cast<iovec*>(to.data());
        message.msg_iovlen = to.size();
        result = rt::kernel_call(SYS_recvmsg, op.fd(), &message, MSG_DONTWAIT);
        return rt::end_of_attempt(result, size, seen, op.record());
    });
    return rt::finish(error, result, code);
}

std::size_t tcp_stream::read_exact(std::span<std::byte> to, std::error_code& code) {
    socket_operation op(record(), direction::read);
    std::size_t left = to.size();
    long result = 0;
    int error = op.check();
    if (error == 0 && left != 0)
        error = op.run([&](readiness seen) {
            auto const rest = to.last(left).first(std::min(left, rt::max_transfer));
            result = rt::kernel_call(SYS_recvfrom, op.fd(), rest.data(), rest.size(), MSG_DONTWAIT, nullptr,
                                     nullptr);
            if (result == 0)
                result = -ECONNABORTED;
            return rt::end_of_step(result, rest.size(), seen, op.record(), left);
        });
    static_cast<void>(rt::finish(error, result, code));
    return to.size() - left;
}

std::size_t tcp_stream::write_all(std::span<std::byte const> from, std::error_code& code) {
    socket_operation op(record(), direction::write);
    std::size_t left = from.size();
    long result = 0;
    int error = op.check();
    if (error == 0 && left != 0)
        error = op.run([&](readiness seen) {
            auto const rest = from.last(left).first(std::min(left, rt::max_transfer));
            result = rt::kernel_call(SYS_sendto, op.fd(), rest.data(), rest.size(),
                                     MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, socklen_t{0});
            return rt::end_of_step(result, rest.size(), seen, op.record(), left);
        });
    static_cast<void>(rt::finish(error, result, code));
    return from.size() - left;
}

std::size_t tcp_stream::writev_all(std::span<iovec const> from, std::error_code& code) {
    socket_operation op(record(), direction::write);
    rt::gatherer rest(from);
    std::size_t const total = rt::size_of(from);
    std::size_t left = total;
    long result = 0;
    int error = op.check();
    if (error == 0 && left != 0)
        error = op.run([&](readiness seen) {
            rt::gatherer::window next(rest);
            msghdr message{};
            message.msg_iov = next.data();
            message.msg_iovlen = next.count();
            result = rt::kernel_call(SYS_sendmsg, op.fd(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (result > 0)
                rest.advance(static_cast<std::size_t>(result));
            return rt::end_of_step(result, next.size(), seen, op.record(), left);
        });
    static_cast<void>(rt::finish(error, result, code));
    return total - left;
}

void tcp_stream::shutdown_write(std::error_code& code) {
    rt::socket_use const use(record());
    long const result = use.error() == 0 ? rt::kernel_call(SYS_shutdown, use.fd(), SHUT_WR) : 0;
    static_cast<void>(rt::finish(use.error(), result, code));
}

std::size_t tcp_stream::read_some(std::span<std::byte> to) {
    return rt::or_throw([&](std::error_code& error) { return read_some(to, error); }, "read from a stream");
}

std::size_t tcp_stream::readv_some(std::span<iovec const> to) {
    return rt::or_throw([&](std::error_code& error) { return readv_some(to, error); }, "read from a stream");
}

void tcp_stream::read_exact(std::span<std::byte> to) {
    rt::or_throw([&](std::error_code& error) { read_exact(to, error); }, "read from a stream");
}

void tcp_stream::write_all(std::span<std::byte const> from) {
    rt::or_throw([&](std::error_code& error) { write_all(from, error); }, "write to a stream");
}

void tcp_stream::writev_all(std::span<iovec const> from) {
    rt::or_throw([&](std::error_code& error) { writev_all(from, error); }, "write to a stream");
}

void tcp_stream::shutdown_write() {
    rt::or_throw([&](std::error_code& error) { shutdown_write(error); }, "shut down a stream");
}

} // namespace fiber::net
