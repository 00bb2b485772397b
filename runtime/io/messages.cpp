// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// messages.cpp: recvmmsg, sendmmsg. The first attempt is for all messages. What is left is received or sent
// after waits.

#include "runtime/io/call_wait.hpp"
#include "runtime/io/kernel_call.hpp"
#include "runtime/io/send.hpp"
#include "runtime/io/socket_attempt.hpp"
#include "runtime/io/timespec.hpp"

#include <fiber/detail/deadline.hpp>
#include <fiber/io.hpp>

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <sys/socket.h>

namespace fiber::rt {
namespace {

// The kernel takes no more at a time.
constexpr unsigned max_messages = 1024;

// Receives until there are `count` messages, or one with MSG_WAITFORONE.
long receive_all(watched_descriptor& file, mmsghdr* messages, unsigned count, int flags,
                 clock::time_point deadline) noexcept {
    bool const one_is_enough = (flags & MSG_WAITFORONE) != 0;
    bool const may_wait = (flags & (MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB)) == 0;
    unsigned done = 0;
    call_wait wait(file, direction::read, deadline);
    for (bool last = !may_wait;;) {
        readiness const seen = file.ready(direction::read);
        bool const tried = last || seen.may_be_ready();
        if (tried) {
            long const n = kernel_call(SYS_recvmmsg, file.fd(), messages + done, count - done,
                                       flags | MSG_DONTWAIT, nullptr);
            note_attempt(file, direction::read, seen, n, 0);
            if (n > 0)
                done += static_cast<unsigned>(n);
            if (n == -EINTR)
                continue;
            if (done == count || last || (done != 0 && one_is_enough))
                return done != 0 ? long{done} : n;
            if (n < 0 && n != -EAGAIN)
                return done != 0 ? long{done} : n;
            if (n > 0)
                continue;
            file.drained(direction::read, seen);
        }
        switch (wait.until_ready()) {
        case next_step::attempt:
            break;
        case next_step::last_attempt:
            if (tried)
                return done != 0 ? long{done} : -long{EAGAIN};
            last = true;
            break;
        case next_step::plain_call: {
            long const n =
                blocking_call(SYS_recvmmsg, file.fd(), messages + done, count - done, flags, nullptr);
            return n > 0 ? long{done} + n : done != 0 ? long{done} : n;
        }
        case next_step::fail:
            return done != 0 ? long{done} : -long{EBADF};
        }
    }
}

long receive_messages(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) noexcept {
    if (timeout != nullptr && !is_valid(*timeout))
        return -EINVAL;
    auto const deadline = timeout != nullptr ? ::fiber::detail::deadline_after(length_of(*timeout)) : never;
    watched_descriptor file(fd, file_owner::program);
    long const n = receive_all(file, messages, std::min(count, max_messages), flags, deadline);
    if (n > 0 && timeout != nullptr)
        *timeout = time_left(deadline);
    return n;
}

long send_messages(int fd, mmsghdr* messages, unsigned count, int flags) noexcept {
    watched_descriptor file(fd, file_owner::program);
    count = std::min(count, max_messages);
    long const first = repeated_call(SYS_sendmmsg, fd, messages, count, flags | MSG_DONTWAIT);
    if ((first < 0 && first != -EAGAIN) || (flags & MSG_DONTWAIT) != 0)
        return first;
    unsigned const done = first > 0 ? static_cast<unsigned>(first) : 0;
    // A stream socket may have taken a part of the last message.
    unsigned next = done != 0 ? done - 1 : 0;
    for (; next < count; ++next) {
        mmsghdr& m = messages[next];
        std::size_t const before = next < done ? m.msg_len : 0;
        if (next < done && before >= rt::size_of(buffers_of(m.msg_hdr)))
            continue;
        long const n = send_whole(file, m.msg_hdr, flags, before);
        if (n < 0)
            return next != 0 || before != 0 ? long{std::max(next, done)} : n;
        m.msg_len = static_cast<unsigned>(n);
        if (static_cast<std::size_t>(n) < rt::size_of(buffers_of(m.msg_hdr)))
            return long{next} + 1;
    }
    return count;
}

} // namespace
} // namespace fiber::rt

namespace fiber::io {

int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
    if (!rt::in_fiber())
        return ::recvmmsg(fd, messages, count, flags, timeout);
    return static_cast<int>(rt::posix_result(rt::receive_messages(fd, messages, count, flags, timeout)));
}

int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
    if (!rt::in_fiber())
        return ::sendmmsg(fd, messages, count, flags);
    return static_cast<int>(rt::posix_result(rt::send_messages(fd, messages, count, flags)));
}

} // namespace fiber::io
