// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// socket_record.hpp: what all users of one socket of fiber::net share: the descriptor, the operations that
// use it, and their deadlines. A handle, such as a tcp_stream, points to a record.
//
// [net.hold] One agent at a time holds a direction: it reads, or it writes. Others queue for it, FIFO. The
//   holder keeps the direction until its operation is complete. Therefore two write_all never interleave.
//
// [net.close] close() may come while agents operate on the socket.
//
//     operation                                  close
//   1 lock; if closed_: fail                   1 lock; closed_ = true
//   2 ++operations_; unlock                    2 take out the waiters of both queues; unlock; wake them
//   3 look at closed_, attempt, wait; repeat   3 if operations_ was not 0: wake_waiters, both directions
//   4 lock; --operations_; unlock              4 wait until operations_ == 0
//   5 if it is 0 and a closer waits: wake it   5 release_descriptor; close the descriptor
//
//   Claim: no operation uses the descriptor after right.5, when its number may name another file.
//   If left.1 comes before right.1, right.4 waits for left.4. Otherwise left.1 fails.
//   Claim: right.4 ends. No operation begins after right.1. An agent in a queue is woken by right.2, and
//   fails. The holder of a direction sees closed_ at left.3, or right.3 wakes it: [slot.kick].
//
// [net.deadline] A new deadline may come while agents operate on the socket.
//
//     operation                                  set_deadline
//   1 lock; hold the direction, or queue       1 lock; store the deadline
//   2 unlock                                   2 take out the waiters of the direction's queue; unlock
//   3 look at the deadline, attempt, wait;     3 if the direction was held: wake the waiters; wake_waiters
//     repeat
//
//   Claim: an operation ends by the new deadline, not by the old one.
//   If left.1 comes after right.1, left.3 sees the new deadline. Otherwise right.3 finds the direction held.
//   Then the holder sees the new deadline at left.3, or it is woken and looks again: [slot.kick]. If the
//   direction is not held, right.3 makes no event, which would cost the next operation a system call.
#pragma once

#include "runtime/base/lock/spinlock.hpp"
#include "runtime/base/platform/clock.hpp"
#include "runtime/io/watched_descriptor.hpp"
#include "runtime/wait/wait_queue.hpp"

#include <fiber/detail/wait_list.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace fiber::rt {

class bound_path;

// What a short count says. It says nothing on a unix socket, where recv() stops at a boundary of passed
// descriptors, nor on a datagram socket: more may wait, and no event follows.
enum class short_count : bool { says_nothing, drains };

class socket_record {
public:
    // Takes over an open, non-blocking socket, with one reference: that of a handle.
    socket_record(int fd, short_count) noexcept;
    ~socket_record();
    socket_record(socket_record const&) = delete;
    socket_record& operator=(socket_record const&) = delete;

    // ── operations: any agent that has a handle ──
    // Both return 0, or ECANCELED if the socket is closed. Then the descriptor stays open until leave().
    // The first one holds the direction, too. It may wait, and returns ETIMEDOUT at its limit or at the
    // direction's deadline.
    [[nodiscard]] int enter(direction, clock::time_point limit) noexcept;
    [[nodiscard]] int enter() noexcept;
    void leave(direction) noexcept;
    void leave() noexcept;
    // Returns ECANCELED if the socket is closed, ETIMEDOUT if the direction's deadline has passed, or 0.
    // A waiting operation calls it after each snapshot of the direction's readiness [slot.kick].
    [[nodiscard]] int interruption(direction) const noexcept;
    [[nodiscard]] clock::time_point deadline(direction) const noexcept;
    // Called by the holder of the direction. Waits until `when`, without looking at the socket. Returns 0
    // at `when`, or an earlier interruption.
    [[nodiscard]] int pause(direction, clock::time_point when) noexcept;

    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] bool closed() const noexcept {
        return closed_.load(std::memory_order_relaxed);
    } // a snapshot
    [[nodiscard]] bool short_count_drains() const noexcept { return short_count_ == short_count::drains; }

    // ── owner ──
    // Does nothing if the socket is closed.
    void set_deadline(direction, clock::time_point) noexcept; // [net.deadline]
    // Both end all operations and wait until they have ended [net.close]. The first one closes the
    // descriptor, and unlinks its path. The second one returns the descriptor, which then belongs to the
    // caller. It returns -1 if the socket is closed, or if exit() drops the fibers that use it.
    void close() noexcept;
    [[nodiscard]] int release() noexcept;
    // Ends the reference of the handle, which is closed. The record is destroyed here, or by the last agent
    // in close() or release().
    void drop_handle() noexcept;

    // ── of a listener ──
    std::unique_ptr<bound_path> path;    // const once the record is shared; null: no path
    bool has_warned_of_shortage = false; // guarded by the direction `read`

private:
    struct side {
        std::atomic<clock::time_point> deadline{never}; // written under the lock
        detail::wait_list waiters;
        bool held = false;
    };
    struct queued_agent;

    void lock() noexcept;
    void unlock() noexcept;
    [[nodiscard]] side& at(direction d) noexcept { return sides_[static_cast<std::size_t>(d)]; }
    [[nodiscard]] side const& at(direction d) const noexcept { return sides_[static_cast<std::size_t>(d)]; }
    [[nodiscard]] int enter_slow(direction, clock::time_point limit) noexcept;
    [[nodiscard]] bool wait_in_queue_locked(direction, clock::time_point until) noexcept;
    void take_waiters_locked(direction, detail::wait_list& to) noexcept;
    [[nodiscard]] ticket end_operation_locked() noexcept;
    enum class purpose : bool { close, release };
    [[nodiscard]] int end_operations(purpose) noexcept;
    void wait_for_operations() noexcept;
    void unlock_and_destroy_if_unused() noexcept;
    void forget_parent_locked() noexcept;

    // Guards what is not const. Without it, closed_ and the deadlines may be read.
    std::atomic<std::uint32_t> lock_word_{0};
    int const fd_;
    short_count const short_count_;
    std::atomic<bool> closed_{false};
    std::uint32_t operations_ = 0; // agents between enter() and leave()
    std::uint32_t references_ = 1; // the handle, and agents in end_operations()
    ticket closer_;                // waits for operations_ == 0; null: nobody does
    std::array<side, 2> sides_;
};

} // namespace fiber::rt
