// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// send.cpp: send, sendto, sendmsg.

#include "runtime/io/send.hpp"

#include "runtime/io/kernel_call.hpp"
#include "runtime/io/socket_attempt.hpp"

#include <fiber/io.hpp>

#include <climits>
#include <cstddef>
#include <sys/socket.h>

namespace fiber::rt {

bool has_too_many_buffers(msghdr const& message) noexcept { return message.msg_iovlen > IOV_MAX; }

long send_whole(watched_descriptor& file, msghdr const& message, int flags, std::size_t before) noexcept {
    // Makes the connection, too: the kernel begins to wait in the middle of the call.
    if ((flags & MSG_FASTOPEN) != 0 || has_too_many_buffers(message))
        return blocking_call(SYS_sendmsg, file.fd(), &message, flags);
    auto const buffers = buffers_of(message);
    auto const total = rt::size_of(buffers);
    auto const send_rest = [&](std::size_t done, int with) {
        if (done == 0 && (message.msg_name != nullptr || message.msg_control != nullptr))
            return send_message(file.fd(), message, with);
        // The first part has taken the ancillary data along. A call that has sent a part does not raise
        // SIGPIPE.
        return send_from(file.fd(), iovec_window(buffers, done).buffers(),
                         done == 0 ? with : with | MSG_NOSIGNAL);
    };
    long const n = attempt_repeatedly(
        file, direction::write,
        {.total = total - before, .whole = true, .may_wait = (flags & MSG_DONTWAIT) == 0},
        [&](std::size_t done, readiness seen) {
            long const sent = send_rest(before + done, flags | MSG_DONTWAIT);
            note_attempt(file, direction::write, seen, sent, total - before - done);
            return sent;
        },
        [&](std::size_t done) {
            return blocking([&] { return repeat([&] { return send_rest(before + done, flags); }); });
        });
    return n >= 0 ? static_cast<long>(before) + n : n;
}

namespace {

long send_in_fiber(int fd, msghdr const& message, int flags) noexcept {
    watched_descriptor file(fd, file_owner::program);
    return send_whole(file, message, flags);
}

long send_in_fiber(int fd, void const* buffer, std::size_t n, int flags, sockaddr const* to,
                   socklen_t length) noexcept {
    iovec const one{const_cast<void*>(buffer), n}; // it is only read
    msghdr message = message_of({&one, 1});
    message.msg_name = const_cast<sockaddr*>(to); // it is only read
    message.msg_namelen = to != nullptr ? length : 0;
    return rt::send_in_fiber(fd, message, flags);
}

} // namespace
} // namespace fiber::rt

namespace fiber::io {

ssize_t send(int fd, void const* buffer, std::size_t n, int flags) {
    return io::sendto(fd, buffer, n, flags, nullptr, 0);
}

ssize_t sendto(int fd, void const* buffer, std::size_t n, int flags, sockaddr const* to, socklen length) {
    if (!rt::in_fiber())
        return ::sendto(fd, buffer, n, flags, to, length);
    return rt::posix_result(rt::send_in_fiber(fd, buffer, n, flags, to, length));
}

ssize_t sendmsg(int fd, msghdr const* message, int flags) {
    if (!rt::in_fiber())
        return ::sendmsg(fd, message, flags);
    return rt::posix_result(rt::send_in_fiber(fd, *message, flags));
}

} // namespace fiber::io
