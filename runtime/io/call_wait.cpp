// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/io/call_wait.hpp"

#include "runtime/io/file_facts.hpp"
#include "runtime/io/timespec.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace fiber::rt {
namespace {

constexpr unsigned waits_before_look =
    16; // several readers of one file often wait in vain: [call_wait.disagree]

// Returns SO_RCVTIMEO or SO_SNDTIMEO, or zero if there is none.
timeval timeout_of(int fd, direction d) noexcept {
    timeval timeout{};
    socklen_t size = sizeof timeout;
    int const option = d == direction::read ? SO_RCVTIMEO : SO_SNDTIMEO;
    if (kernel_call(SYS_getsockopt, fd, SOL_SOCKET, option, &timeout, &size) < 0)
        return {};
    return timeout;
}

clock::time_point after(clock::time_point start, timeval const& timeout) noexcept {
    return start + limited_seconds(timeout.tv_sec) + std::chrono::microseconds(timeout.tv_usec);
}

} // namespace

short poll_events(direction d) noexcept { return d == direction::read ? POLLIN : POLLOUT; }

short poll_now(int fd, short events) noexcept {
    if (fd < 0) // poll(2) ignores it
        return POLLNVAL;
    constexpr std::size_t mask_size = 8;
    timespec zero{};
    pollfd file{fd, events, 0};
    long const n = repeated_call(SYS_ppoll, &file, 1L, &zero, nullptr, mask_size);
    return n > 0 ? file.revents : short{0};
}

// Asks the system. Returns true if the descriptor has O_NONBLOCK. Sets the deadline.
bool call_wait::must_not_wait() noexcept {
    asked_ = true;
    long const flags = kernel_call(SYS_fcntl, file_.fd(), F_GETFL);
    bool const has_nonblock = flags >= 0 && (flags & O_NONBLOCK) != 0;
    timeval const timeout = timeout_of(file_.fd(), direction_);
    bool const has_timeout = timeout.tv_sec != 0 || timeout.tv_usec != 0;
    if (has_timeout)
        deadline_ = std::min(deadline_, after(clock::now(), timeout));
    file_facts(file_.facts()).learn_patience(direction_, !has_nonblock && !has_timeout);
    return has_nonblock;
}

// Returns true if poll(2) calls the file ready.
bool call_wait::is_called_ready() const noexcept {
    return poll_now(file_.fd(), poll_events(direction_)) != 0;
}

next_step call_wait::until_ready() noexcept {
    if (!asked_ && !file_facts(file_.facts()).is_patient(direction_) && must_not_wait())
        return next_step::last_attempt;
    if (disagrees_) {
        disagrees_ = is_called_ready();
        if (disagrees_)
            return next_step::plain_call;
    }
    auto end = poll_end::look;
    if (!looked_at_) {
        end = file_.wait(direction_, deadline_, wait_ends::to_look);
        if (end == poll_end::look) {
            looked_at_ = true;
            if (!asked_ && must_not_wait())
                return next_step::last_attempt;
            disagrees_ = is_called_ready();
            if (disagrees_)
                return next_step::attempt;
        }
    }
    if (end == poll_end::look)
        end = file_.wait(direction_, deadline_);
    switch (end) {
    case poll_end::ready:
        if (++vain_waits_ % waits_before_look == 0) // if the attempt that follows fails, too
            disagrees_ = is_called_ready();
        return next_step::attempt;
    case poll_end::look:
    case poll_end::timed_out:
        return next_step::last_attempt;
    case poll_end::not_pollable:
        return next_step::plain_call;
    case poll_end::failed:
        return current_error() == EBADF ? next_step::fail : next_step::plain_call;
    }
    __builtin_unreachable();
}

} // namespace fiber::rt
