// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// kernel_call.hpp: system calls with the kernel's own convention. The result is negative if the call fails,
// and says why: -EAGAIN.
//
// A fiber may go on in another OS thread after it has waited. Compilers take the address of errno for a
// constant within a function. Therefore functions that wait use errno only through current_error() and
// fail(), which are not inlined.
//
// Few functions lie between a system call and the user's code. After a system call the CPU mispredicts the
// return from each function that was entered before: some 20 cycles each.
#pragma once

#include "runtime/io/system_call.hpp"

#include <fiber/go.hpp>

#include <cerrno>

namespace fiber::rt {

// Returns errno.
[[nodiscard]] int current_error() noexcept;

template <class... Arguments>
[[nodiscard]] long kernel_call(long number, Arguments... arguments) noexcept {
    long const result = system_call(number, arguments...);
    return result < 0 ? -long{current_error()} : result;
}

// Repeats a call that a signal interrupts.
template <class Call>
[[nodiscard]] long repeat(Call&& call) noexcept {
    long result = 0;
    do
        result = call();
    while (result == -EINTR);
    return result;
}

// As kernel_call(). Repeats a call that a signal interrupts.
template <class... Arguments>
[[nodiscard]] long repeated_call(long number, Arguments... arguments) noexcept {
    return rt::repeat([&] { return kernel_call(number, arguments...); });
}

// As repeated_call(), for a call that is expected to block: as in fiber::blocking.
template <class... Arguments>
[[nodiscard]] long blocking_call(long number, Arguments... arguments) noexcept {
    return blocking([&] { return repeated_call(number, arguments...); });
}

// Sets errno. Returns -1.
long fail(int error) noexcept;
// Converts to the convention of POSIX: returns -1 and sets errno if the result is an error.
[[nodiscard]] inline long posix_result(long result) noexcept {
    return result >= 0 ? result : rt::fail(static_cast<int>(-result));
}

// Returns true if the caller is a fiber.
[[nodiscard]] bool in_fiber() noexcept;

} // namespace fiber::rt
