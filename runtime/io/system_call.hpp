// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// system_call.hpp: the one way in which the library makes system calls for I/O. It makes raw calls: the
// names of the C library, such as read(), may belong to the program or to a library that replaces them.
// A raw call is no cancellation point.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

namespace fiber::rt {

// Makes system call `number`. Returns its result, or -1 and sets errno.
template <class... Arguments>
[[nodiscard]] long system_call(long number, Arguments... arguments) noexcept {
    return ::syscall(number, arguments...);
}

} // namespace fiber::rt
