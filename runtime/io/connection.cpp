// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// connection.cpp: accept, accept4, connect.

#include "runtime/io/call_wait.hpp"
#include "runtime/io/kernel_call.hpp"
#include "runtime/io/socket_attempt.hpp"

#include <fiber/io.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

namespace fiber::rt {
namespace {

// The listener may be shared with other processes, so it keeps its flags, and accept4 is called only if a
// connection waits. If another agent takes the connection first, the call blocks its OS thread.
long accept_in_fiber(int fd, sockaddr* from, socklen_t* length, int flags) noexcept {
    watched_descriptor file(fd, file_owner::program);
    // A connected socket that a read has drained: no attempt is due, and the kernel refuses the call at once.
    if (!file.ready(direction::read).may_be_ready() && socket_option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
        return repeated_call(SYS_accept4, fd, from, length, flags);
    bool is_listener = false;
    long const accepted = attempt_repeatedly(
        file, direction::read, {.total = 1, .whole = false},
        [&](std::size_t, readiness) {
            if (poll_now(fd, POLLIN) == 0) {
                // Another file would never be ready in the same sense.
                if (!is_listener && socket_option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1)
                    is_listener = true;
                if (is_listener)
                    return -long{EAGAIN};
            }
            return kernel_call(SYS_accept4, fd, from, length, flags);
        },
        [&](std::size_t) { return blocking_call(SYS_accept4, fd, from, length, flags); });
    if (accepted >= 0)
        adopt_descriptor(static_cast<int>(accepted)); // it may have the number of a file that was closed
    return accepted;
}

// The socket of a unix path has no event for a listener that becomes ready.
bool has_events(sockaddr const* to, socklen_t length) noexcept {
    return to != nullptr && length >= sizeof to->sa_family && to->sa_family != AF_UNIX &&
           to->sa_family != AF_UNSPEC;
}

long begin_to_connect(int fd, sockaddr const* to, socklen_t length, long flags) noexcept {
    static_cast<void>(kernel_call(SYS_fcntl, fd, F_SETFL, flags | O_NONBLOCK));
    long const result = kernel_call(SYS_connect, fd, to, length);
    static_cast<void>(kernel_call(SYS_fcntl, fd, F_SETFL, flags));
    return result;
}

// A second connect returns the result of the first one. SO_ERROR would leave the socket in a state in which
// the next connect fails.
long connect_in_fiber(int fd, sockaddr const* to, socklen_t length) noexcept {
    long const flags = kernel_call(SYS_fcntl, fd, F_GETFL);
    if (flags < 0 || (flags & O_NONBLOCK) != 0 || !has_events(to, length))
        return repeated_call(SYS_connect, fd, to, length);
    long const begun = begin_to_connect(fd, to, length, flags);
    if (begun != -EINPROGRESS && begun != -EALREADY)
        return begun;
    adopt_descriptor(fd); // it may have the number of a file that was closed
    watched_descriptor file(fd, file_owner::program);
    file.drained(direction::write, file.ready(direction::write)); // the first wait asks the kernel
    long const end = attempt_repeatedly(
        file, direction::write, {.total = 1, .whole = false},
        [&](std::size_t, readiness) {
            long const result = begin_to_connect(fd, to, length, flags);
            if (result == -EISCONN)
                return 0L;
            return result == -EINPROGRESS || result == -EALREADY ? -long{EAGAIN} : result;
        },
        [&](std::size_t) {
            long const result = blocking_call(SYS_connect, fd, to, length);
            return result == -EISCONN ? 0L : result;
        });
    return end == -EAGAIN ? begun : end;
}

} // namespace
} // namespace fiber::rt

namespace fiber::io {

int accept4(int fd, sockaddr* from, socklen* length, int flags) {
    if (!rt::in_fiber())
        return ::accept4(fd, from, length, flags);
    return static_cast<int>(rt::posix_result(rt::accept_in_fiber(fd, from, length, flags)));
}

int accept(int fd, sockaddr* from, socklen* length) {
    return rt::in_fiber() ? io::accept4(fd, from, length, 0) : ::accept(fd, from, length);
}

int connect(int fd, sockaddr const* to, socklen length) {
    if (!rt::in_fiber())
        return ::connect(fd, to, length);
    return static_cast<int>(rt::posix_result(rt::connect_in_fiber(fd, to, length)));
}

} // namespace fiber::io
