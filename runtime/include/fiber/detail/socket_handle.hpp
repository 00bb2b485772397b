// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// socket_handle.hpp: what the streams, listeners and datagram sockets of fiber::net have in common: the
// ownership of a socket, deadlines and close. Installed, not API.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/net/endpoint.hpp>

#include <system_error>
#include <utility>

namespace fiber::rt {
class socket_record;
}

namespace fiber::detail {

// Several agents may use a handle at the same time. It must not be moved or destroyed while another agent
// begins to use it. Its destruction ends operations that have begun.
class FIBER_API socket_handle {
public:
    socket_handle() noexcept = default;
    socket_handle(socket_handle&& other) noexcept : record_(std::exchange(other.record_, nullptr)) {}
    socket_handle& operator=(socket_handle&& other) noexcept;

    // Closes the socket. Operations that use it end with std::errc::operation_canceled. Waits until they have
    // ended and the descriptor is closed. Does nothing if the socket is closed, or if there is none.
    void close() noexcept;
    // Ends all operations as close() does, and returns the descriptor, which is open and now belongs to the
    // caller. It is in non-blocking mode. Returns -1 if the socket is closed, or if there is none.
    [[nodiscard]] int release() noexcept;
    // Returns the descriptor, or -1 if the socket is closed, or if there is none. It stays the handle's own.
    [[nodiscard]] int native_handle() const noexcept;

    // From `when` on, operations fail with std::errc::timed_out, even if the socket is ready. Operations that
    // wait already end by the new deadline. A deadline in the past ends them at once. `never` removes the
    // deadline. Do nothing if the socket is closed. Mirror Go's SetDeadline and so on.
    void set_deadline(deadline when) noexcept;
    void set_read_deadline(deadline when) noexcept;
    void set_write_deadline(deadline when) noexcept;

    // Returns the socket's own address.
    [[nodiscard]] net::endpoint local_endpoint() const;
    [[nodiscard]] net::endpoint local_endpoint(std::error_code&) const;
    // Returns the address of the peer.
    [[nodiscard]] net::endpoint remote_endpoint() const;
    [[nodiscard]] net::endpoint remote_endpoint(std::error_code&) const;
    // Waits until a read would not block: there are data, the stream has ended, or an error is pending.
    // Returns false if neither is so at `until`, or at the read deadline. Fails with operation_canceled if
    // the socket is closed.
    bool wait_readable(deadline until = never);
    bool wait_readable(std::error_code&);
    bool wait_readable(deadline until, std::error_code&);

protected:
    explicit socket_handle(rt::socket_record* record) noexcept : record_(record) {}
    ~socket_handle();
    [[nodiscard]] rt::socket_record* record() const noexcept { return record_; }

private:
    rt::socket_record* record_ = nullptr;
};

} // namespace fiber::detail
