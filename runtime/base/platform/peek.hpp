// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// peek.hpp: reads memory that may be gone.
#pragma once

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace fiber::rt {

// Copies two objects without touching them: the kernel does, and refuses if nothing is mapped there. Returns
// false then, or if a filter forbids the call. `self` is the number of this process. Takes about 1 µs.
//   The last argument goes through memory: an int would leave half of it undefined.
template <class T, class U>
[[nodiscard]] bool peek(int self, T const* first, T& to_first, U const* second, U& to_second) noexcept {
    iovec const here[] = {{&to_first, sizeof(T)}, {&to_second, sizeof(U)}};
    iovec const there[] = {{const_cast<T*>(first), sizeof(T)}, {const_cast<U*>(second), sizeof(U)}};
    return ::syscall(SYS_process_vm_readv, self, here, 2UL, there, 2UL, 0UL) ==
           static_cast<long>(sizeof(T) + sizeof(U));
}

} // namespace fiber::rt
