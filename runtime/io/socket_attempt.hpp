// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// socket_attempt.hpp: one attempt to receive from a socket, or to send, for the calls of fiber::io. It notes
// what the attempt tells about the socket.
#pragma once

#include "runtime/io/call_wait.hpp"
#include "runtime/io/file_facts.hpp"
#include "runtime/io/iovec_window.hpp"
#include "runtime/io/kernel_call.hpp"

#include <cstddef>
#include <span>
#include <sys/socket.h>

namespace fiber::rt {

// Returns the integer option, or the negative value of errno.
[[nodiscard]] long socket_option(int fd, int level, int name) noexcept;

// Returns true if a short count says that the socket is drained. That holds for TCP alone: a count on a unix
// socket ends where descriptors were passed. It does not hold where urgent data are in line, or where the
// kernel makes records: TLS. Both can be changed at any time.
[[nodiscard]] bool short_counts_drain(int fd) noexcept;

// Notes the result of an attempt for `asked` bytes. After a short count the socket may be drained. Does
// nothing if the result is an error, EAGAIN apart.
void note_attempt(watched_descriptor&, direction, readiness seen, long result, std::size_t asked) noexcept;

// ── system calls that do not block if the flags have MSG_DONTWAIT ──

[[nodiscard]] inline long receive_message(int fd, msghdr& message, int flags) noexcept {
    return kernel_call(SYS_recvmsg, fd, &message, flags);
}
[[nodiscard]] inline long send_message(int fd, msghdr const& message, int flags) noexcept {
    return kernel_call(SYS_sendmsg, fd, &message, flags);
}
[[nodiscard]] inline msghdr message_of(std::span<iovec const> buffers) noexcept {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(buffers.data()); // the kernel does not change it
    message.msg_iovlen = buffers.size();
    return message;
}
[[nodiscard]] inline long receive_into(int fd, std::span<iovec const> buffers, int flags) noexcept {
    if (buffers.size() == 1)
        return kernel_call(SYS_recvfrom, fd, buffers[0].iov_base, buffers[0].iov_len, flags, nullptr,
                           nullptr);
    msghdr message = message_of(buffers);
    return receive_message(fd, message, flags);
}
[[nodiscard]] inline long send_from(int fd, std::span<iovec const> buffers, int flags) noexcept {
    if (buffers.size() == 1)
        return kernel_call(SYS_sendto, fd, buffers[0].iov_base, buffers[0].iov_len, flags, nullptr,
                           socklen_t{0});
    return send_message(fd, message_of(buffers), flags);
}

} // namespace fiber::rt
