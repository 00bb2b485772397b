// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// asked_thread.hpp: asks a machine's thread for its frames, by a signal.
//
// A real-time signal that the program does not handle gets a handler. When no question is open any more,
// the signal gets its default action again. If a thread does not answer in time, because it blocks the
// signal, the handler stays: the default action would end the process.
#pragma once

#include "asm/switch/walk.hpp"

#include <mutex>

namespace fiber::rt {

class fiber;
struct machine;

// One such object at a time asks; others wait for it in their constructor.
class asked_threads {
public:
    asked_threads();
    ~asked_threads();
    asked_threads(asked_threads const&) = delete;
    asked_threads& operator=(asked_threads const&) = delete;

    // Adds the frames of the fiber, from the interrupted instruction on. Adds nothing if the machine does
    // not run the fiber any more, or is inside the runtime, or does not answer for 50 ms.
    void for_frames(machine const&, fiber const&, arch::backtrace&) noexcept;

private:
    std::unique_lock<std::mutex> const turn_;
};

} // namespace fiber::rt
