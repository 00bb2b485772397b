// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/hook.hpp>: the hook library, libfiber_hook, by which the blocking calls of the C library park the
// fiber that makes them: read, write, recv, send, accept, connect, poll, select, epoll_wait, sleeps,
// getaddrinfo, and more. It is linked as fiber::hook, or loaded by LD_PRELOAD. Without it the names here do
// nothing.
//
// A hooked call parks only where it is harmless that the fiber may go on in another OS thread. It is the
// plain call, which blocks the OS thread:
//   - outside of fibers
//   - while the fiber holds a lock of libpthread, a std::mutex included
//   - in a signal handler, and in a child of vfork
//   - in dlopen and dlclose
//   - while an object of class off lives
// runtime_stats counts the calls that have parked, and the plain calls by these reasons.
#pragma once

#include <fiber/detail/config.hpp>

namespace fiber::hook {

// Returns true if the program's read() is that of the hook library. Returns false with FIBER_HOOK=0. Prints a
// line, once, if the hook library is there, but was loaded too late to get the calls. Any thread.
[[nodiscard]] FIBER_API bool active() noexcept;

// While it lives, the hooked calls of the fiber that has made it are the plain ones. It belongs to the fiber,
// which may change its OS thread, and which must destroy it. Objects may be nested. In an OS thread it does
// nothing.
class off {
public:
    FIBER_API off() noexcept;
    FIBER_API ~off();
    off(off const&) = delete;
    off& operator=(off const&) = delete;
};

} // namespace fiber::hook
