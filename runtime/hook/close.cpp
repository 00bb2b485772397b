// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// close.cpp: close() ends the waits for its number.
//
// [hook.close] close() of any caller                   fiber that waits for the number
//              1 wake all waiters: closed              1 an attempt finds nothing
//              2 the real close()                      2 push a waiter; park
//              3 wake all waiters: look again          3 woken: closed, or back to 1
//   A waiter that is queued before right.1 fails with EBADF, even if the number is in use again when it runs.
//   One that comes later is woken by 3, and its attempt fails with EBADF. Without 3 it would sleep for ever:
//   the kernel has no event for a file that is closed. Both are left out if no netpoller has registered the
//   number: [registered].

#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/hook/handler.hpp"
#include "runtime/hook/hooked.hpp"

#include <unistd.h>

using namespace fiber::hook_library;

FIBER_HOOK_EARLY(int, close, (int fd), "__close") {
    hook_seam const* const seam = seam_of.io;
    if (seam == nullptr)
        return real_close(fd);
    // To wake takes locks, which the call may hold that a handler interrupts.
    auto const may_wake = [] { return !is_in_handler() && !is_in_vfork_child(); };
    if (seam->registered->may_contain(fd) && may_wake())
        seam->end_waits_for(fd); // [hook.close] 1
    int const result = real_close(fd);
    fiber::rt::full_fence(); // [registered]
    if (seam->registered->may_contain(fd) && may_wake()) {
        int const error = current_error();
        seam->retry_waits_for(fd); // [hook.close] 3
        fail_with(error);
    }
    return result;
}

FIBER_HOOK_PART(close)
