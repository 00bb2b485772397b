// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// wait_reason.cpp: the names of wait reasons.
#include "runtime/wait/wait_reason.hpp"

namespace fiber::rt {

char const* to_string(wait_reason why) noexcept {
    switch (why) {
    case wait_reason::none:
        return "";
    case wait_reason::chan_send:
        return "chan send";
    case wait_reason::chan_recv:
        return "chan receive";
    case wait_reason::select:
        return "select";
    case wait_reason::mutex:
        return "mutex";
    case wait_reason::shared_mutex:
        return "shared_mutex";
    case wait_reason::condition_variable:
        return "condition_variable";
    case wait_reason::wait_group:
        return "wait_group";
    case wait_reason::once:
        return "once";
    case wait_reason::semaphore:
        return "semaphore";
    case wait_reason::latch:
        return "latch";
    case wait_reason::barrier:
        return "barrier";
    case wait_reason::future:
        return "future";
    case wait_reason::sleep:
        return "sleep";
    case wait_reason::join:
        return "join";
    case wait_reason::io:
        return "io";
    case wait_reason::resolve:
        return "resolve";
    case wait_reason::turn:
        return "turn";
    }
    return "";
}

} // namespace fiber::rt
