// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// socket_operation.hpp: one operation of the calling agent on a socket of fiber::net.
#pragma once

#include "runtime/io/watched_descriptor.hpp"
#include "runtime/net/socket_record.hpp"

#include <cerrno>
#include <cstdint>

namespace fiber::rt {

// How an attempt has ended.
//   finished   the operation is complete, or has failed
//   drained    the operation is complete, and another attempt would find nothing
//   repeat     the operation goes on at once
//   blocked    the operation goes on when the socket is ready again
enum class attempt_end : std::uint8_t { finished, drained, repeat, blocked };

// Keeps the descriptor open, without holding a direction.
class socket_use {
public:
    explicit socket_use(socket_record* record) noexcept
        : record_(record), error_(record != nullptr ? record->enter() : EBADF) {}
    ~socket_use() {
        if (error_ == 0)
            record_->leave();
    }
    socket_use(socket_use const&) = delete;
    socket_use& operator=(socket_use const&) = delete;

    // Returns 0, ECANCELED if the socket is closed, or EBADF if there is no socket.
    [[nodiscard]] int error() const noexcept { return error_; }
    [[nodiscard]] int fd() const noexcept { return record_->fd(); }

private:
    socket_record* record_;
    int error_;
};

// Holds a direction [net.hold].
class socket_operation {
public:
    // At `limit`, the operation ends with ETIMEDOUT.
    socket_operation(socket_record* record, direction d, clock::time_point limit = never) noexcept
        : record_(record), direction_(d), limit_(limit),
          error_(record != nullptr ? record->enter(d, limit) : EBADF) {}
    ~socket_operation() {
        if (error_ == 0)
            record_->leave(direction_);
    }
    socket_operation(socket_operation const&) = delete;
    socket_operation& operator=(socket_operation const&) = delete;

    [[nodiscard]] int error() const noexcept { return error_; } // 0: the direction is held
    // Valid if error() is 0.
    [[nodiscard]] int fd() const noexcept { return record_->fd(); }
    [[nodiscard]] socket_record& record() const noexcept { return *record_; }

    // Returns the error that ends the operation before its first attempt, or 0.
    [[nodiscard]] int check() const noexcept {
        return error_ != 0 ? error_ : record_->interruption(direction_);
    }
    // Calls attempt(readiness) until it has finished. Waits when it is blocked. Ends before an attempt if the
    // socket is closed or the deadline has passed, even if the socket is ready. Returns 0 if an attempt has
    // finished, or the value of errno that says why not.
    template <class Attempt>
    [[nodiscard]] int run(Attempt&& attempt) noexcept {
        if (error_ != 0)
            return error_;
        watched_descriptor file(record_->fd(), file_owner::library);
        for (;;) {
            auto const seen = file.ready(direction_);
            if (int const error = record_->interruption(direction_)) // after `seen` [slot.kick]
                return error;
            if (seen.may_be_ready()) {
                auto const end = attempt(seen);
                if (end == attempt_end::drained || end == attempt_end::blocked)
                    file.drained(direction_, seen);
                if (end == attempt_end::drained || end == attempt_end::finished)
                    return 0;
                if (end == attempt_end::repeat)
                    continue;
            }
            if (int const error = wait(file))
                return error;
        }
    }

private:
    // Waits until the socket may be ready. Returns 0, or the value of errno that ends the operation.
    [[nodiscard]] int wait(watched_descriptor&) noexcept;

    socket_record* record_;
    direction direction_;
    clock::time_point limit_;
    int error_;
};

} // namespace fiber::rt
