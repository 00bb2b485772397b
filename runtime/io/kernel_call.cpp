// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/io/kernel_call.hpp"

#include "runtime/sched/current.hpp"

namespace fiber::rt {

[[gnu::noinline]] long fail(int error) noexcept {
    errno = error;
    return -1;
}

[[gnu::noinline]] int current_error() noexcept { return errno; }

bool in_fiber() noexcept { return current_machine() != nullptr; }

} // namespace fiber::rt
