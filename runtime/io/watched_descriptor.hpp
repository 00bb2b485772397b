// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// watched_descriptor.hpp: one descriptor, as an operation of the calling agent sees it. It joins the number
// with its slot in the netpoller of the caller's runtime. fiber::io and fiber::net wait through this header
// alone.
//
// An operation:
//     watched_descriptor file(fd, file_owner::library);
//     for (;;) {
//         readiness const seen = file.ready(direction::read);
//         … look at the deadline, and whether the file was closed [slot.kick] …
//         if (seen.may_be_ready()) {
//             n = attempt without blocking;
//             if it is not EAGAIN: if (short count && a short count drains this file) file.drained(…, seen);
//                                  return n;
//             file.drained(direction::read, seen);
//         }
//         switch (file.wait(direction::read, deadline)) { … }
//     }
#pragma once

#include "runtime/base/platform/clock.hpp"
#include "runtime/io/poll_slot.hpp"

#include <atomic>
#include <cstdint>
#include <span>

namespace fiber::rt {

class netpoller;

// The part of the program that closes the descriptor.
//   library   fiber::net: it calls release_descriptor() before close(), so the number cannot be reused
//             unnoticed
//   program   anybody may close it and reuse its number at any time. A wait is checked after 800 µs:
//             [netpoller.validate]
enum class file_owner : std::uint8_t { library, program };

// How a wait ended.
//   ready          try again: the file may be ready, or someone has called wake_waiters()
//   timed_out      the deadline has passed
//   look           the wait has lasted for 5 ms, and was to end then
//   not_pollable   a regular file or a directory: it is always ready
//   failed         errno says why: EBADF, or ENOMEM and the like
enum class poll_end : std::uint8_t { ready, timed_out, look, not_pollable, failed };

// Whether a wait for a descriptor of the program ends after 5 ms, so that the agent looks whether it may go
// on.
enum class wait_ends : bool { if_ready, to_look };

class watched_descriptor {
public:
    // Starts the netpoller of the caller's runtime on first use; for an OS thread, that of the global
    // runtime. Without a netpoller (no descriptor left for it, no memory) one warning is printed, and waits
    // block in poll(2), having handed the processor on.
    watched_descriptor(int fd, file_owner) noexcept;

    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] readiness ready(direction d) const noexcept { return slot_->ready(d); }
    void drained(direction d, readiness since) noexcept {
        if (poller_ != nullptr)
            slot_->drained(d, since);
    }
    // Waits until an attempt in this direction may succeed, or until the deadline. Parks a fiber, blocks an
    // OS thread. A descriptor that is not open: failed, with EBADF.
    [[nodiscard]] poll_end wait(direction, clock::time_point deadline,
                                wait_ends = wait_ends::if_ready) noexcept;
    // What fiber::io has learned about the file: poll_slot::facts. 0 after the number has been found to name
    // another file.
    [[nodiscard]] std::atomic<std::uint32_t>& facts() noexcept {
        return poller_ != nullptr ? slot_->facts : no_facts_;
    }

private:
    int fd_;
    file_owner owner_;
    netpoller* poller_;                      // without one, waits block
    poll_slot* slot_;                        // one that is shared and never drained if there is no netpoller
    std::atomic<std::uint32_t> no_facts_{0}; // of this operation, if there is no netpoller
};

// ── for the owner of descriptors ──

// Says that the number names a new file, which the library owns. Called when the file has been made or
// adopted, before the first wait.
void adopt_descriptor(int fd) noexcept;
// Wakes all agents that wait for the descriptor in this direction, in all runtimes: [slot.kick].
void wake_waiters(int fd, direction) noexcept;
// Takes the descriptor out of all netpollers and wakes all its waiters. Called before close(), and before
// the descriptor is given away.
void release_descriptor(int fd) noexcept;

// ── for the hook library ──

// Ends the waits for the number in all runtimes, with EBADF. Called before close() of a descriptor of the
// program.
void end_waits_for(int fd) noexcept;

// ── for poll ──

struct poll_request {
    int fd;
    direction what;
};
// Waits until one of the descriptors may be ready, or until the deadline. A descriptor that is not pollable
// or not open ends the wait at once: ready. Negative numbers are ignored. All are the program's. Fails with
// ENOMEM if there is no memory for the waiters.
[[nodiscard]] poll_end wait_for_any(std::span<poll_request const>, clock::time_point deadline) noexcept;

} // namespace fiber::rt
