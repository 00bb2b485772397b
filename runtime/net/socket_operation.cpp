// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/net/socket_operation.hpp"

#include "runtime/io/kernel_call.hpp"

#include <algorithm>

namespace fiber::rt {

int socket_operation::wait(watched_descriptor& file) noexcept {
    switch (file.wait(direction_, std::min(limit_, record_->deadline(direction_)))) {
    case poll_end::ready:
    case poll_end::look: // the program's alone
        return 0;
    case poll_end::timed_out: // by the limit; by the deadline, which run() looks at; or by an older deadline
        return clock::now() >= limit_ ? ETIMEDOUT : 0;
    case poll_end::failed:
        return current_error();
    case poll_end::not_pollable: // not a socket: the program has closed the descriptor behind our back
        break;
    }
    return EBADF;
}

} // namespace fiber::rt
