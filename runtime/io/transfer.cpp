// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// transfer.cpp: read, write, readv, writev. The kind of the file says what an attempt is: file_facts.hpp.

#include "runtime/io/call_wait.hpp"
#include "runtime/io/file_facts.hpp"
#include "runtime/io/kernel_call.hpp"
#include "runtime/io/nowait.hpp"
#include "runtime/io/socket_attempt.hpp"

#include <fiber/io.hpp>

#include <climits>
#include <cstddef>
#include <fcntl.h>
#include <poll.h>
#include <span>
#include <sys/socket.h>

namespace fiber::rt {
namespace {

using buffers = std::span<iovec const>;

long plain_read(int fd, buffers to) noexcept {
    return blocking_call(SYS_readv, fd, to.data(), static_cast<long>(to.size()));
}
long plain_write(int fd, buffers from, std::size_t done) noexcept {
    iovec_window const rest(from, done);
    return blocking_call(SYS_writev, fd, rest.data(), rest.count());
}

// ── sockets ──

long read_socket(watched_descriptor& file, buffers to) noexcept {
    auto const total = rt::size_of(to);
    return attempt_repeatedly(
        file, direction::read, {.total = total, .whole = false},
        [&](std::size_t, readiness seen) {
            long const n = receive_into(file.fd(), to, MSG_DONTWAIT);
            note_attempt(file, direction::read, seen, n, total);
            return n;
        },
        [&](std::size_t) { return plain_read(file.fd(), to); });
}

long write_socket(watched_descriptor& file, buffers from) noexcept {
    auto const total = rt::size_of(from);
    return attempt_repeatedly(
        file, direction::write, {.total = total, .whole = true},
        [&](std::size_t done, readiness seen) {
            // A call that has written a part does not raise SIGPIPE.
            int const flags = done == 0 ? MSG_DONTWAIT : MSG_DONTWAIT | MSG_NOSIGNAL;
            iovec_window const rest(from, done);
            long const n = send_from(file.fd(), rest.buffers(), flags);
            note_attempt(file, direction::write, seen, n, rest.bytes());
            return n;
        },
        [&](std::size_t done) { return plain_write(file.fd(), from, done); });
}

// ── pipes and other files that are pollable ──

// Returns true if the descriptor is open in this mode, O_RDONLY or O_WRONLY. It may never be ready for the
// other direction.
bool is_only_open_for(int fd, int mode) noexcept {
    long const flags = kernel_call(SYS_fcntl, fd, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) == mode;
}

long read_pipe(watched_descriptor& file, buffers to) noexcept {
    return attempt_repeatedly(
        file, direction::read, {.total = rt::size_of(to), .whole = false},
        [&](std::size_t, readiness) {
            long const n = read_without_waiting(file.fd(), iovec_window(to, 0), at_position);
            if (n != -EOPNOTSUPP)
                return n;
            if (poll_now(file.fd(), POLLIN) == 0)
                return is_only_open_for(file.fd(), O_WRONLY) ? -long{EBADF} : -long{EAGAIN};
            return kernel_call(SYS_readv, file.fd(), to.data(), static_cast<long>(to.size()));
        },
        [&](std::size_t) { return plain_read(file.fd(), to); });
}

long write_pipe(watched_descriptor& file, buffers from, file_kind kind) noexcept {
    return attempt_repeatedly(
        file, direction::write, {.total = rt::size_of(from), .whole = true},
        [&](std::size_t done, readiness) {
            long const n = write_without_waiting(file.fd(), iovec_window(from, done));
            if (n != -EOPNOTSUPP)
                return n;
            if (poll_now(file.fd(), POLLOUT) == 0)
                return is_only_open_for(file.fd(), O_RDONLY) ? -long{EBADF} : -long{EAGAIN};
            // A pipe that poll(2) calls ready has room for this number of bytes.
            iovec_window const rest(from, done, kind == file_kind::pipe ? PIPE_BUF : iovec_window::no_limit);
            return kernel_call(SYS_writev, file.fd(), rest.data(), rest.count());
        },
        [&](std::size_t done) { return plain_write(file.fd(), from, done); });
}

// A copy into the page cache.
long write_regular(int fd, buffers from) noexcept {
    if (kind_of_file(fd) != file_kind::regular)
        return file_has_changed;
    return repeated_call(SYS_writev, fd, from.data(), static_cast<long>(from.size()));
}

// ── all kinds ──

// Calls transfer(file, kind) by the kind that is remembered, until the kind is right. Inlined:
// kernel_call.hpp.
template <class Transfer>
[[gnu::always_inline]] inline long by_kind(int fd, Transfer&& transfer) noexcept {
    watched_descriptor file(fd, file_owner::program);
    for (;;) {
        file_facts facts(file.facts());
        auto kind = facts.kind();
        long const result = transfer(file, kind);
        if (result == -ENOTSOCK)
            kind = kind_of_file(fd);
        else if (result == file_has_changed)
            kind = file_kind::unknown;
        else
            return result;
        if (result == -ENOTSOCK && kind == file_kind::unknown)
            return -EBADF;
        file_facts(file.facts()).learn_kind(kind);
    }
}

// Returns true if the kernel refuses the list, or has nothing to do.
bool is_trivial(int count) noexcept { return count <= 0 || count > IOV_MAX; }

[[gnu::always_inline]] inline long read_in_fiber(int fd, iovec const* list, int count) noexcept {
    // A read of no bytes takes no datagram.
    if (is_trivial(count) || rt::size_of({list, static_cast<std::size_t>(count)}) == 0)
        return repeated_call(SYS_readv, fd, list, long{count});
    buffers const to(list, static_cast<std::size_t>(count));
    return by_kind(fd, [&](watched_descriptor& file, file_kind kind) {
        switch (kind) {
        case file_kind::unknown:
        case file_kind::socket:
            return read_socket(file, to);
        case file_kind::regular:
            return read_regular(fd, to, at_position);
        case file_kind::pipe:
        case file_kind::other:
            return read_pipe(file, to);
        }
        __builtin_unreachable();
    });
}

[[gnu::always_inline]] inline long write_in_fiber(int fd, iovec const* list, int count) noexcept {
    // writev(2) of no bytes sends no datagram.
    if (is_trivial(count) || rt::size_of({list, static_cast<std::size_t>(count)}) == 0)
        return repeated_call(SYS_writev, fd, list, long{count});
    buffers const from(list, static_cast<std::size_t>(count));
    return by_kind(fd, [&](watched_descriptor& file, file_kind kind) {
        switch (kind) {
        case file_kind::unknown:
        case file_kind::socket:
            return write_socket(file, from);
        case file_kind::regular:
            return write_regular(fd, from);
        case file_kind::pipe:
        case file_kind::other:
            return write_pipe(file, from, kind);
        }
        __builtin_unreachable();
    });
}

// write(2) of no bytes sends an empty datagram, unlike writev(2). Eventfds refuse it.
[[gnu::noinline]] long write_nothing(int fd, void const* buffer) noexcept {
    if (kind_of_file(fd) != file_kind::socket)
        return repeated_call(SYS_write, fd, buffer, 0L);
    watched_descriptor file(fd, file_owner::program);
    iovec const one{const_cast<void*>(buffer), 0}; // it is only read
    return write_socket(file, {&one, 1});
}

} // namespace
} // namespace fiber::rt

namespace fiber::io {

ssize_t read(int fd, void* buffer, std::size_t n) {
    if (!rt::in_fiber())
        return ::read(fd, buffer, n);
    if (n == 0) [[unlikely]] // eventfds refuse it, unlike readv(2)
        return rt::posix_result(rt::repeated_call(SYS_read, fd, buffer, 0L));
    iovec const one{buffer, n};
    return rt::posix_result(rt::read_in_fiber(fd, &one, 1));
}

ssize_t readv(int fd, iovec const* buffers, int count) {
    return rt::in_fiber() ? rt::posix_result(rt::read_in_fiber(fd, buffers, count))
                          : ::readv(fd, buffers, count);
}

ssize_t write(int fd, void const* buffer, std::size_t n) {
    if (!rt::in_fiber())
        return ::write(fd, buffer, n);
    if (n == 0) [[unlikely]]
        return rt::posix_result(rt::write_nothing(fd, buffer));
    iovec const one{const_cast<void*>(buffer), n}; // it is only read
    return rt::posix_result(rt::write_in_fiber(fd, &one, 1));
}

ssize_t writev(int fd, iovec const* buffers, int count) {
    return rt::in_fiber() ? rt::posix_result(rt::write_in_fiber(fd, buffers, count))
                          : ::writev(fd, buffers, count);
}

} // namespace fiber::io
