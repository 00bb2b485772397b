// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// close.cpp: close() ends the waits for its number. dup2, dup3, close_range and closefrom close numbers, too.
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

#include <algorithm>
#include <climits>
#include <fcntl.h>
#include <unistd.h>

using namespace fiber::hook_library;

namespace {

// Makes a real call that closes the numbers from `first` to `last`.
template <class Real>
int close_numbers(int first, int last, Real&& real) noexcept {
    hook_seam const* const seam = seam_of.io;
    if (seam == nullptr)
        return real();
    auto const for_each_registered = [&](void (*act)(int) noexcept) {
        if (first == last && !seam->registered->may_contain(first))
            return;
        // To wake takes locks, which the call may hold that a handler interrupts.
        if (is_in_handler() || is_in_vfork_child())
            return;
        int const error = current_error();
        seam->registered->for_each(first, last, act);
        fail_with(error);
    };
    for_each_registered(seam->end_waits_for); // [hook.close] 1
    int const result = real();
    fiber::rt::full_fence();                    // [registered]
    for_each_registered(seam->retry_waits_for); // [hook.close] 3
    return result;
}

// Makes a real call that closes `to`, and makes it a copy of `from`.
template <class Real>
int close_for_copy(int from, int to, Real&& real) noexcept {
    bool const closes = from != to && ::fcntl(from, F_GETFD) != -1;
    return closes ? close_numbers(to, to, real) : real();
}

} // namespace

FIBER_HOOK_EARLY(int, close, (int fd), "__close") {
    return close_numbers(fd, fd, [&] { return real_close(fd); });
}

FIBER_HOOK(int, dup2, (int from, int to)) {
    return close_for_copy(from, to, [&] { return real_dup2(from, to); });
}
FIBER_HOOK(int, dup3, (int from, int to, int flags)) {
    return close_for_copy(from, to, [&] { return real_dup3(from, to, flags); });
}

FIBER_HOOK(int, close_range, (unsigned first, unsigned last, int flags)) {
    if (flags != 0) // CLOSE_RANGE_CLOEXEC closes nothing yet, CLOSE_RANGE_UNSHARE nothing that others have
        return real_close_range(first, last, flags);
    constexpr unsigned highest = INT_MAX;
    return close_numbers(static_cast<int>(std::min(first, highest)),
                         static_cast<int>(std::min(last, highest)),
                         [&] { return real_close_range(first, last, flags); });
}
FIBER_HOOK(void, closefrom, (int first)) {
    close_numbers(std::max(first, 0), INT_MAX, [&] {
        real_closefrom(first);
        return 0;
    });
}

FIBER_HOOK_PART(close)
