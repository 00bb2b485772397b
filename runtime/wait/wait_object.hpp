// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// wait_object.hpp: what a dump asks about the object of a wait, and which module answers. A module that has
// such objects sets its function before main.
#pragma once

#include "runtime/wait/ticket.hpp"

#include <cstddef>

namespace fiber::rt {

// How full the channel is that a parked fiber waits for. The function returns false if it cannot tell. The
// channel may be gone: the fiber may be about to be woken. `self` is the number of this process. Takes no
// lock.
struct channel_facts {
    std::size_t capacity = 0, size = 0;
};
using channel_reader = bool (*)(void const* channel, channel_facts&, int self) noexcept;
inline constinit channel_reader facts_of_channel = nullptr;

// Finds the agent that holds a lock, if FIBER_DEBUG=locks has recorded it; else null. The address alone is
// looked up. Takes a mutex: the caller holds nothing.
using holder_finder = agent const* (*)(void const* lock) noexcept;
inline constinit holder_finder holder_of_lock = nullptr;

// Prints fibers that wait for each other in a circle; FIBER_DEBUG=locks calls it now and then. Takes
// mutexes: the caller holds nothing.
using circle_function = void (*)() noexcept;
inline constinit circle_function circle_reporter = nullptr;

// The names of the fibers that the library itself starts. Dumps, leaks and the debugger leave out a fiber
// that was started with one of these arrays as its name. Equal names of the program's are other objects.
struct library_fiber_names {
    char clock[18] = "fiber alarm clock";
    char resolver[20] = "fiber::net::resolve";
};
inline constexpr library_fiber_names library_names;

} // namespace fiber::rt
