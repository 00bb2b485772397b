// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// socket_calls.hpp: the system calls of fiber::net. Results as in kernel_call.hpp: a negative value of errno
// after a failure.
#pragma once

#include "runtime/io/kernel_call.hpp"
#include "runtime/net/failure.hpp"
#include "runtime/net/socket_operation.hpp"

#include <fiber/net/endpoint.hpp>

#include <cerrno>
#include <cstddef>
#include <system_error>

namespace fiber::rt {

// One attempt may transfer this number of bytes. The system's own limit, 2 GiB less a page, would make a
// count short that is not the last.
inline constexpr std::size_t max_transfer = std::size_t{1} << 30;

// Returns how an attempt has ended that transfers data and needs no particular count: recv, for example.
[[nodiscard]] inline attempt_end end_of_attempt(long result, std::size_t asked, readiness seen,
                                                socket_record const& record) noexcept {
    if (result == -EAGAIN)
        return attempt_end::blocked;
    if (result == -EINTR)
        return attempt_end::repeat;
    bool const is_short = result > 0 && static_cast<std::size_t>(result) < asked;
    return is_short && record.short_count_drains() && !seen.has_ended() ? attempt_end::drained
                                                                        : attempt_end::finished;
}

// As end_of_attempt(), for an operation that goes on until no bytes are left.
[[nodiscard]] inline attempt_end end_of_step(long result, std::size_t asked, readiness seen,
                                             socket_record const& record, std::size_t& left) noexcept {
    auto const end = rt::end_of_attempt(result, asked, seen, record);
    if (result <= 0)
        return end;
    left -= static_cast<std::size_t>(result);
    if (left == 0)
        return end;
    return end == attempt_end::drained ? attempt_end::blocked : attempt_end::repeat;
}

// Clears the code, or sets it to a value of errno.
inline void set_code(std::error_code& code, int error) noexcept {
    if (error == 0)
        code.clear();
    else
        code = rt::error_of(error);
}
// Sets the code of an operation: `error`, that of run(), or that of its last attempt. Returns the result of
// the attempt, or 0 after an error.
[[nodiscard]] inline std::size_t finish(int error, long result, std::error_code& code) noexcept {
    if (error == 0 && result < 0)
        error = static_cast<int>(-result);
    rt::set_code(code, error);
    return error != 0 ? 0 : static_cast<std::size_t>(result);
}

// Makes a non-blocking socket that exec() closes.
[[nodiscard]] long make_socket(int family, int type) noexcept;
void close_socket(int fd) noexcept;
[[nodiscard]] long set_option(int fd, int level, int name, int value) noexcept;
// Switches TCP_NODELAY on, and keep-alive after 15 s. Sockets that a listener accepts inherit both.
void tune_tcp(int fd) noexcept;
[[nodiscard]] long bind_socket(int fd, net::endpoint const&) noexcept;

// The number of getsockname, or of getpeername.
[[nodiscard]] net::endpoint name_of_socket(int fd, long system_call_number, std::error_code&);
[[nodiscard]] inline net::endpoint local_name(int fd, std::error_code& error) {
    return rt::name_of_socket(fd, SYS_getsockname, error);
}
[[nodiscard]] inline net::endpoint peer_name(int fd, std::error_code& error) {
    return rt::name_of_socket(fd, SYS_getpeername, error);
}

} // namespace fiber::rt
