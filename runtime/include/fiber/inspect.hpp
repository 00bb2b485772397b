// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/inspect.hpp>: where every fiber is. Dumps of all runtimes, also by a signal; lists of fibers for
// the program itself.
#pragma once

#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

namespace fiber {

// One live fiber, as runtime::fibers() has seen it.
struct fiber_info {
    fiber::id id;
    std::string name;      // empty if it has none
    std::string state;     // running, runnable, parked, or blocked: in a system call
    std::string waits_for; // parked: the kind of the wait, and what is known of it; blocked: the call
    // The same for all waits for the same thing; null if there is no such thing. It is not to be used.
    void const* object = nullptr;
    std::chrono::nanoseconds waiting{}; // parked: for how long, to 10 ms; else 0
    void const* started_at = nullptr;   // an address in the function that called go
    std::vector<void*> frames;          // return addresses, innermost first; at most 128
};

// Writes the fibers of all runtimes of the process to the descriptor, as runtime::dump does. Throws
// std::bad_alloc; errors of the descriptor are ignored.
FIBER_API void dump_all(int fd, dump_options = {});

// From now on, the signal makes the process write dump_all() to stderr, and go on. A thread of the library
// writes. A signal that comes before the last dump has been written makes its handler itself write a short
// form, with addresses only: the thread may hang, for example for malloc's lock. FIBER_DUMP=quit in the
// environment does the same for SIGQUIT, once there is a runtime. Replaces the program's handler. In a child
// of fork, works once the child has made a runtime. Throws std::system_error.
FIBER_API void dump_on_signal(int signal = SIGQUIT);

// Finds fibers that have not ended, for tests. It leaves out the caller, and fibers that are older than the
// object. FIBER_LEAKS=1 in the environment prints the fibers that are parked when the process exits.
class leak_check {
public:
    FIBER_API leak_check(); // throws std::bad_alloc
    FIBER_API ~leak_check();
    leak_check(leak_check const&) = delete;
    leak_check& operator=(leak_check const&) = delete;

    // Waits until all these fibers have ended, at most for the grace. Returns the fibers that have not,
    // running ones too. Parks the calling fiber, or blocks the calling OS thread. Throws std::bad_alloc.
    [[nodiscard]] FIBER_API std::vector<fiber_info>
    leaked(std::chrono::nanoseconds grace = std::chrono::seconds(1)) const;

private:
    std::vector<std::uint64_t> before_; // the ids of older fibers
};

} // namespace fiber
