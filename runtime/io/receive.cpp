// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// receive.cpp: recv, recvfrom, recvmsg.

#include "runtime/io/call_wait.hpp"
#include "runtime/io/kernel_call.hpp"
#include "runtime/io/send.hpp"
#include "runtime/io/socket_attempt.hpp"

#include <fiber/io.hpp>

#include <cstddef>
#include <sys/socket.h>
#include <type_traits>

namespace fiber::rt {
namespace {

static_assert(std::is_same_v<socklen_t, io::socklen>);

// Calls receive(flags), which makes one system call for at most `total` bytes, until it has received
// something.
template <class Receive>
long receive_once(int fd, std::size_t total, int flags, Receive&& receive) noexcept {
    // The kernel does not wait for errors and urgent data.
    if ((flags & (MSG_ERRQUEUE | MSG_OOB)) != 0)
        return receive(flags | MSG_DONTWAIT);
    watched_descriptor file(fd, file_owner::program);
    // A peek leaves what it has seen.
    auto const asked = (flags & MSG_PEEK) != 0 ? 0 : total;
    return attempt_repeatedly(
        file, direction::read, {.total = total, .whole = false, .may_wait = (flags & MSG_DONTWAIT) == 0},
        [&](std::size_t, readiness seen) {
            long const n = receive(flags | MSG_DONTWAIT);
            note_attempt(file, direction::read, seen, n, asked);
            return n;
        },
        [&](std::size_t) { return blocking([&] { return repeat([&] { return receive(flags); }); }); });
}

// Returns true if the next part of the stream belongs to the same call.
bool is_followed_by_parts(int fd, msghdr const& received) noexcept {
    if (socket_option(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM)
        return false;
    bool const has_control = received.msg_controllen != 0 || (received.msg_flags & MSG_CTRUNC) != 0;
    return !has_control || socket_option(fd, SOL_SOCKET, SO_DOMAIN) != AF_UNIX;
}

// MSG_WAITALL. A message is received as without it. A part of a stream is followed by the next part, until
// all is there. It ends early after an error and at the end of the stream; on unix sockets, also where
// descriptors were passed.
long receive_whole(int fd, msghdr& message, int flags) noexcept {
    watched_descriptor file(fd, file_owner::program);
    msghdr const given = message;
    extent all{.total = rt::size_of(buffers_of(given)), .whole = true};
    auto const receive_rest = [&](std::size_t done, int with) {
        iovec_window const rest(buffers_of(given), done);
        msghdr part = given;
        part.msg_iov = const_cast<iovec*>(rest.data()); // it is only read
        part.msg_iovlen = rest.buffers().size();
        long const n = receive_message(fd, part, with);
        if (done != 0)
            part.msg_namelen = message.msg_namelen;
        if (n < 0)
            return n;
        part.msg_iov = given.msg_iov;
        part.msg_iovlen = given.msg_iovlen;
        message = part;
        if (static_cast<std::size_t>(n) < all.total - done)
            all.whole = is_followed_by_parts(fd, message);
        return n;
    };
    return attempt_repeatedly(
        file, direction::read, all,
        [&](std::size_t done, readiness seen) {
            long const n = receive_rest(done, flags | MSG_DONTWAIT);
            note_attempt(file, direction::read, seen, n, all.total - done);
            return n;
        },
        [&](std::size_t done) {
            return blocking([&] { return repeat([&] { return receive_rest(done, flags); }); });
        });
}

// Returns true for MSG_WAITALL where it has a meaning that the kernel does not give it beside MSG_DONTWAIT.
bool waits_for_all(int flags) noexcept {
    return (flags & MSG_WAITALL) != 0 && (flags & (MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB)) == 0;
}

long receive_in_fiber(int fd, msghdr& message, int flags) noexcept {
    if (has_too_many_buffers(message))
        return receive_message(fd, message, flags);
    // A peek for all cannot be put together from parts.
    if (waits_for_all(flags) && (flags & MSG_PEEK) != 0)
        return blocking_call(SYS_recvmsg, fd, &message, flags);
    if (waits_for_all(flags))
        return receive_whole(fd, message, flags);
    return receive_once(fd, rt::size_of(buffers_of(message)), flags,
                        [&](int with) { return receive_message(fd, message, with); });
}

long receive_in_fiber(int fd, void* buffer, std::size_t n, int flags, sockaddr* from,
                      socklen_t* length) noexcept {
    if (!waits_for_all(flags))
        return receive_once(fd, n, flags, [&](int with) {
            return kernel_call(SYS_recvfrom, fd, buffer, n, with, from, length);
        });
    if ((flags & MSG_PEEK) != 0)
        return blocking_call(SYS_recvfrom, fd, buffer, n, flags, from, length);
    iovec const one{buffer, n};
    msghdr message = message_of({&one, 1});
    message.msg_name = from;
    message.msg_namelen = from != nullptr && length != nullptr ? *length : 0;
    long const result = receive_whole(fd, message, flags);
    if (result >= 0 && from != nullptr && length != nullptr)
        *length = message.msg_namelen;
    return result;
}

} // namespace
} // namespace fiber::rt

namespace fiber::io {

ssize_t recv(int fd, void* buffer, std::size_t n, int flags) {
    return io::recvfrom(fd, buffer, n, flags, nullptr, nullptr);
}

ssize_t recvfrom(int fd, void* buffer, std::size_t n, int flags, sockaddr* from, socklen* length) {
    if (!rt::in_fiber())
        return ::recvfrom(fd, buffer, n, flags, from, length);
    return rt::posix_result(rt::receive_in_fiber(fd, buffer, n, flags, from, length));
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
    if (!rt::in_fiber())
        return ::recvmsg(fd, message, flags);
    return rt::posix_result(rt::receive_in_fiber(fd, *message, flags));
}

} // namespace fiber::io
