// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// send_file.cpp: tcp_stream::send_file, without SIGPIPE.
#include <fiber/net/tcp_stream.hpp>

#include "runtime/net/failure.hpp"
#include "runtime/net/socket_calls.hpp"
#include "runtime/net/socket_operation.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <limits>
#include <sys/types.h>

namespace fiber::net {
namespace {

using signal_set = std::uint64_t; // as the kernel has it
constexpr signal_set sigpipe = signal_set{1} << (SIGPIPE - 1);

// sendfile(2) raises SIGPIPE when the peer has gone, even beside a positive count, and takes no MSG_NOSIGNAL.
// The signal comes to the calling thread. Therefore it is blocked there during the call, and then consumed,
// unless one was pending before. The fiber does not switch in between.
long sendfile_without_signal(int to, int from, off_t* offset, std::size_t n) noexcept {
    signal_set before = 0, pending = 0;
    static_cast<void>(rt::kernel_call(SYS_rt_sigprocmask, SIG_BLOCK, &sigpipe, &before, sizeof before));
    bool const was_blocked = (before & sigpipe) != 0;
    if (was_blocked)
        static_cast<void>(rt::kernel_call(SYS_rt_sigpending, &pending, sizeof pending));
    long const result = rt::kernel_call(SYS_sendfile, to, from, offset, n);
    bool const may_have_failed = result != -EAGAIN && result != static_cast<long>(n);
    if (may_have_failed && (pending & sigpipe) == 0) {
        timespec at_once{};
        static_cast<void>(rt::kernel_call(SYS_rt_sigtimedwait, &sigpipe, nullptr, &at_once, sizeof sigpipe));
    }
    if (!was_blocked)
        static_cast<void>(
            rt::kernel_call(SYS_rt_sigprocmask, SIG_UNBLOCK, &sigpipe, nullptr, sizeof sigpipe));
    return result;
}

} // namespace

std::uint64_t tcp_stream::send_file(int fd, std::uint64_t offset, std::uint64_t n, std::error_code& code) {
    rt::socket_operation op(record(), rt::direction::write);
    std::uint64_t left = n;
    long result = 0;
    int error = op.check();
    if (error == 0 && offset > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max()))
        error = EINVAL;
    auto position = static_cast<off_t>(offset);
    if (error == 0 && left != 0)
        error = op.run([&](rt::readiness) {
            auto const size = static_cast<std::size_t>(std::min<std::uint64_t>(left, rt::max_transfer));
            result = sendfile_without_signal(op.fd(), fd, &position, size);
            if (result == -EAGAIN)
                return rt::attempt_end::blocked;
            if (result > 0)
                left -= static_cast<std::uint64_t>(result);
            bool const goes_on = result == -EINTR || (result > 0 && left != 0);
            return goes_on ? rt::attempt_end::repeat : rt::attempt_end::finished;
        });
    static_cast<void>(rt::finish(error, result, code));
    return n - left;
}

std::uint64_t tcp_stream::send_file(int fd, std::uint64_t offset, std::uint64_t n) {
    return rt::or_throw([&](std::error_code& error) { return send_file(fd, offset, n, error); },
                        "send a file to a stream");
}

} // namespace fiber::net
