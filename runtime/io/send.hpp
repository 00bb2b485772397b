// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// send.hpp: the loop of sendmsg in a fiber, which send, sendto and sendmmsg share.
#pragma once

#include "runtime/io/call_wait.hpp"

#include <cstddef>
#include <span>
#include <sys/socket.h>

namespace fiber::rt {

[[nodiscard]] inline std::span<iovec const> buffers_of(msghdr const& message) noexcept {
    return {message.msg_iov, message.msg_iovlen};
}
// Returns true if the kernel refuses the list of buffers.
[[nodiscard]] bool has_too_many_buffers(msghdr const&) noexcept;

// Sends one message. On a stream socket sends it whole, except its first `done` bytes, which have been sent
// already. Returns the count, with these bytes.
[[nodiscard]] long send_whole(watched_descriptor&, msghdr const&, int flags, std::size_t done = 0) noexcept;

} // namespace fiber::rt
