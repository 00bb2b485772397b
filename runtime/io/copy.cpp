// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// copy.cpp: sendfile, splice.
// The kernel does not wait for a pipe if SPLICE_F_NONBLOCK is given. It has no flag for a socket. Therefore a
// call sends to a socket that poll(2) calls ready no more than the socket has room for.

#include "runtime/io/call_wait.hpp"
#include "runtime/io/file_facts.hpp"
#include "runtime/io/kernel_call.hpp"
#include "runtime/io/socket_attempt.hpp"

#include <fiber/io.hpp>

#include <algorithm>
#include <cstddef>
#include <fcntl.h>
#include <limits>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace fiber::rt {
namespace {

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

// Returns how many bytes a socket takes without waiting when poll(2) calls it ready. Returns no_limit for
// other files. TCP is ready from a third of its buffer on, unix sockets from three quarters on.
std::size_t room_in(int fd) noexcept {
    constexpr long page = 4096;
    long const size = socket_option(fd, SOL_SOCKET, SO_SNDBUF);
    return size < 0 ? no_limit : static_cast<std::size_t>(std::max(size / 4, page));
}

bool has_nonblock(int fd) noexcept {
    long const flags = kernel_call(SYS_fcntl, fd, F_GETFL);
    return flags < 0 || (flags & O_NONBLOCK) != 0;
}

// ── sendfile ──

long plain_sendfile(int out, int in, off_t* offset, std::size_t n) noexcept {
    return repeated_call(SYS_sendfile, out, in, offset, n);
}

long sendfile_to_socket(int out, int in, off_t* offset, std::size_t n, std::size_t room) noexcept {
    watched_descriptor file(out, file_owner::program);
    return attempt_repeatedly(
        file, direction::write, {.total = n, .whole = true},
        [&](std::size_t done, readiness) {
            if (poll_now(out, POLLOUT) == 0)
                return -long{EAGAIN};
            return kernel_call(SYS_sendfile, out, in, offset, std::min(n - done, room));
        },
        [&](std::size_t done) {
            return blocking([&] { return plain_sendfile(out, in, offset, n - done); });
        });
}

long sendfile_to_pipe(int out, int in, off_t* offset, std::size_t n) noexcept {
    watched_descriptor file(out, file_owner::program);
    return attempt_repeatedly(
        file, direction::write, {.total = n, .whole = false},
        [&](std::size_t, readiness) {
            return kernel_call(SYS_splice, in, offset, out, nullptr, n, unsigned{SPLICE_F_NONBLOCK});
        },
        [&](std::size_t) { return blocking([&] { return plain_sendfile(out, in, offset, n); }); });
}

long sendfile_in_fiber(int out, int in, off_t* offset, std::size_t n) noexcept {
    if (n == 0 || has_nonblock(out))
        return plain_sendfile(out, in, offset, n);
    auto const room = room_in(out);
    if (room != no_limit)
        return sendfile_to_socket(out, in, offset, n, room);
    // splice takes other files than sendfile does: a pipe or a socket, for example.
    if (kind_of_file(out) == file_kind::pipe && kind_of_file(in) == file_kind::regular)
        return sendfile_to_pipe(out, in, offset, n);
    return blocking([&] { return plain_sendfile(out, in, offset, n); });
}

// ── splice ──

struct splice_call {
    int in;
    loff_t* in_offset;
    int out;
    loff_t* out_offset;
    std::size_t n;
    unsigned flags;

    [[nodiscard]] long make(unsigned more_flags, std::size_t limit) const noexcept {
        return kernel_call(SYS_splice, in, in_offset, out, out_offset, std::min(n, limit),
                           flags | more_flags);
    }
    [[nodiscard]] long make_in_thread() const noexcept {
        return blocking([&] { return repeat([&] { return make(0, no_limit); }); });
    }
};

// Returns true if the kernel does not wait for these files: it returns 0 or an error. Anonymous files, as
// eventfds, have no splice.
bool never_waits(splice_call const& call) noexcept {
    auto const is_anonymous = [](int fd) {
        struct stat about; // the kernel's own structure on 64-bit systems
        return kernel_call(SYS_fstat, fd, &about) < 0 || (about.st_mode & S_IFMT) == 0;
    };
    bool const has_pipe =
        kind_of_file(call.in) == file_kind::pipe || kind_of_file(call.out) == file_kind::pipe;
    return call.n == 0 || !has_pipe || is_anonymous(call.in) || is_anonymous(call.out);
}

// Waits for one end at a time until both are ready. The other end stays ready, unless another agent uses it.
long splice_in_fiber(splice_call const& call) noexcept {
    watched_descriptor in(call.in, file_owner::program);
    watched_descriptor out(call.out, file_owner::program);
    call_wait wait_in(in, direction::read);
    call_wait wait_out(out, direction::write);
    auto const room = room_in(call.out);
    for (bool both_ready = false;;) {
        readiness const in_seen = in.ready(direction::read);
        readiness const out_seen = out.ready(direction::write);
        bool const in_ready = poll_now(call.in, POLLIN) != 0;
        bool const out_ready = poll_now(call.out, POLLOUT) != 0;
        if (in_ready && out_ready) {
            long const n = call.make(SPLICE_F_NONBLOCK, room);
            if (n != -EAGAIN && n != -EINTR)
                return n;
            // poll(2) and splice disagree
            if (both_ready || (call.flags & SPLICE_F_NONBLOCK) != 0 || has_nonblock(call.in) ||
                has_nonblock(call.out))
                return call.make_in_thread();
            both_ready = true;
            continue;
        }
        both_ready = false;
        if ((call.flags & SPLICE_F_NONBLOCK) != 0 || never_waits(call))
            return call.make_in_thread();
        if (!in_ready)
            in.drained(direction::read, in_seen);
        else
            out.drained(direction::write, out_seen);
        switch ((in_ready ? wait_out : wait_in).until_ready()) {
        case next_step::attempt:
            break;
        case next_step::last_attempt:
            return has_nonblock(in_ready ? call.out : call.in) ? call.make_in_thread() : -long{EAGAIN};
        case next_step::plain_call:
            return call.make_in_thread();
        case next_step::fail:
            return -EBADF;
        }
    }
}

} // namespace
} // namespace fiber::rt

namespace fiber::io {

ssize_t sendfile(int out, int in, off_t* offset, std::size_t count) {
    if (!rt::in_fiber())
        return ::sendfile(out, in, offset, count);
    return rt::posix_result(rt::sendfile_in_fiber(out, in, offset, count));
}

ssize_t splice(int in, loff_t* in_offset, int out, loff_t* out_offset, std::size_t n, unsigned flags) {
    if (!rt::in_fiber())
        return ::splice(in, in_offset, out, out_offset, n, flags);
    return rt::posix_result(rt::splice_in_fiber({in, in_offset, out, out_offset, n, flags}));
}

} // namespace fiber::io
