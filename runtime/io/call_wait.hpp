// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// call_wait.hpp: how a call of fiber::io waits between its attempts, and how long.
#pragma once

#include "runtime/io/kernel_call.hpp"
#include "runtime/io/watched_descriptor.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace fiber::rt {

// What a call does after a wait.
//   attempt        try again
//   last_attempt   the call may not wait, or no longer: it fails as its last attempt does
//   plain_call     make the plain call, which may block: the file is not pollable, or not as usual
//   fail           with EBADF
enum class next_step : std::uint8_t { attempt, last_attempt, plain_call, fail };

// Asks the kernel which of the events are there. POLLERR, POLLHUP and POLLNVAL are always among them.
[[nodiscard]] short poll_now(int fd, short events) noexcept;
[[nodiscard]] short poll_events(direction) noexcept;

// The waits of one call. Whether the call may wait at all, the descriptor says: O_NONBLOCK, SO_RCVTIMEO,
// SO_SNDTIMEO. The system is asked before the first wait. The answer is remembered if it is the usual one, no
// flag and no timeout: file_facts.
//
// [call_wait.trust] The first wait ends after 5 ms. Then the system is asked again: the program may have set
//   O_NONBLOCK since.
//
// [call_wait.disagree] A few files have states in which poll(2) calls them ready, and an attempt finds
// nothing.
//   Example: a datagram to a unix socket with a full queue, by sendto. There no event follows, or events come
//   again and again. Therefore poll(2) is asked at the end of that wait, and at times after waits that
//   ended for nothing. If the file is ready before and after an attempt that finds nothing, the call is left
//   to the kernel, which knows how to wait.
class call_wait {
public:
    call_wait(watched_descriptor& file, direction d, clock::time_point limit = never) noexcept
        : file_(file), direction_(d), deadline_(limit) {}

    // Called after an attempt has found nothing.
    [[nodiscard]] next_step until_ready() noexcept;
    // Called after an attempt that has transferred a part.
    void progressed() noexcept {
        disagrees_ = false;
        vain_waits_ = 0;
    }

private:
    [[nodiscard]] bool must_not_wait() noexcept;
    [[nodiscard]] bool is_called_ready() const noexcept;

    watched_descriptor& file_;
    direction const direction_;
    bool asked_ = false;     // the deadline is known
    bool looked_at_ = false; // the first wait is over [call_wait.trust]
    bool disagrees_ = false; // poll(2) has just called the file ready [call_wait.disagree]
    unsigned vain_waits_ = 0;
    clock::time_point deadline_;
};

// What a call transfers.
struct extent {
    std::size_t total;
    bool whole; // an attempt that transfers less is followed by another one. An attempt may change it
    bool may_wait = true; // false for MSG_DONTWAIT
};

// Makes attempts until the call is complete. Returns the count, or the negative value of errno.
//   attempt(done, seen)   must not block. Returns a count, or an error; -EAGAIN if there is nothing
//   plain(done)           may block
// `done` is how many bytes the call has transferred already.
template <class Attempt, class Plain>
[[nodiscard]] long attempt_repeatedly(watched_descriptor& file, direction d, extent const& e,
                                      Attempt&& attempt, Plain&& plain) noexcept {
    call_wait wait(file, d);
    std::size_t done = 0;
    auto const end_with = [&](long error) { return done != 0 ? static_cast<long>(done) : error; };
    for (bool last = !e.may_wait;;) {
        readiness const seen = file.ready(d);
        bool const tried = last || seen.may_be_ready();
        long n = 0;
        if (tried) {
            n = attempt(done, seen);
            if (n == -EINTR)
                continue;
            if (n == -EAGAIN && !last)
                file.drained(d, seen);
            else if (n < 0)
                return end_with(n);
        }
        if (!tried || n == -EAGAIN) {
            auto const step = wait.until_ready();
            if (step == next_step::attempt)
                continue;
            if (step == next_step::fail)
                return end_with(-EBADF);
            if (step == next_step::last_attempt) {
                if (tried)
                    return end_with(-EAGAIN);
                last = true;
                continue;
            }
            n = plain(done);
            if (n < 0)
                return end_with(n);
        }
        done += static_cast<std::size_t>(n);
        if (!e.whole || !e.may_wait || n == 0 || done >= e.total)
            return static_cast<long>(done);
        wait.progressed();
    }
}

} // namespace fiber::rt
