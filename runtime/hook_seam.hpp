// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// hook_seam.hpp: all that the hook library, runtime/hook/, sees of the library. The hook library may be
// loaded into a process without libfiber: a child that inherits LD_PRELOAD. Therefore it needs one symbol,
// which may be missing: fiber_hook_seam.
#pragma once

#include "runtime/io/registered_numbers.hpp"
#include "runtime/stack/hook_record.hpp"

#include <fiber/io.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace fiber::rt {

// Where a hooked call was made.
struct hook_caller {
    hook_record* record;  // null if the caller is no fiber, or is inside of the runtime
    bool is_on_own_stack; // not on a stack for signal handlers, or on one that the runtime does not know
};

// The parts of FIBER_HOOK.
struct hook_groups {
    bool io, sleep, dns, tls;
};

// Called by pthread keys at the end of the fiber.
using specific_destructor = void (*)(void* specific) noexcept;

struct hook_seam {
    // Called once, before main. Says what FIBER_HOOK asks for. `is_bound` returns true if the program's
    // read() is the hook library's.
    hook_groups (*attach)(bool (*is_bound)() noexcept) noexcept;
    hook_caller (*caller)() noexcept;
    void (*count_refusal)(refusal) noexcept;
    void (*count_parked)() noexcept;
    // As fiber::blocking.
    void (*blocking)(void (*call)(void*) noexcept, void* argument) noexcept;
    // The same for a call that needs the stack of a thread. At most 64 run at a time; the others park.
    void (*look_up)(void (*call)(void*) noexcept, void* argument) noexcept;
    void (*sleep_until)(std::chrono::steady_clock::time_point) noexcept;
    number_set const* registered;
    // Ends the waits for a number that is about to be closed, with EBADF; lets them try again after it has
    // been.
    void (*end_waits_for)(int fd) noexcept;
    void (*retry_waits_for)(int fd) noexcept;
    // Destroys the caller's values of pthread keys at its end. Returns false if there is no memory.
    bool (*at_exit)(specific_destructor, void* specific) noexcept;

    ssize_t (*read)(int, void*, std::size_t);
    ssize_t (*readv)(int, iovec const*, int);
    ssize_t (*write)(int, void const*, std::size_t);
    ssize_t (*writev)(int, iovec const*, int);
    ssize_t (*pread)(int, void*, std::size_t, off_t);
    ssize_t (*pwrite)(int, void const*, std::size_t, off_t);
    ssize_t (*preadv)(int, iovec const*, int, off_t);
    ssize_t (*pwritev)(int, iovec const*, int, off_t);
    ssize_t (*recv)(int, void*, std::size_t, int);
    ssize_t (*recvfrom)(int, void*, std::size_t, int, sockaddr*, io::socklen*);
    ssize_t (*recvmsg)(int, msghdr*, int);
    int (*recvmmsg)(int, mmsghdr*, unsigned, int, timespec*);
    ssize_t (*send)(int, void const*, std::size_t, int);
    ssize_t (*sendto)(int, void const*, std::size_t, int, sockaddr const*, io::socklen);
    ssize_t (*sendmsg)(int, msghdr const*, int);
    int (*sendmmsg)(int, mmsghdr*, unsigned, int);
    int (*accept)(int, sockaddr*, io::socklen*);
    int (*accept4)(int, sockaddr*, io::socklen*, int);
    int (*connect)(int, sockaddr const*, io::socklen);
    int (*poll)(pollfd*, nfds_t, int);
    int (*ppoll)(pollfd*, nfds_t, timespec const*, sigset_t const*);
    ssize_t (*sendfile)(int, int, off_t*, std::size_t);
    ssize_t (*splice)(int, loff_t*, int, loff_t*, std::size_t, unsigned);
};

} // namespace fiber::rt

extern "C" FIBER_API fiber::rt::hook_seam const fiber_hook_seam;
