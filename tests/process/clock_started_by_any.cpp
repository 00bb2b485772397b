// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// clock_started_by_any: the fiber that serves all timers has the default floating-point modes. The
// first user of a timer neither passes its modes to that fiber nor changes its own.

// stdout: the usual modes
// stdout: its own modes

#include "tests/support/control_modes.hpp"

#include <fiber/fiber.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <stop_token>

using namespace std::chrono_literals;
using tests::control_modes;

int main() {
    control_modes const unusual = control_modes::unusual();
    control_modes after{}, by_clock{};
    std::atomic<bool> registered{false};
    // A context that expires early has the callback run by its own constructor, which shows nothing.
    for (auto limit = 1ms; !registered; limit *= 2) {
        fiber::chan<bool> called(1);
        tests::with_modes const meanwhile(unusual);
        auto const limited = fiber::context::with_timeout(fiber::context::background(), limit);
        std::stop_callback const look(limited.stop_token(), [&, called] {
            by_clock = control_modes::of_caller();
            called.send(registered);
        });
        registered = true;
        after = control_modes::of_caller();
        static_cast<void>(limited.done().recv());
        std::this_thread::yield();
        registered = called.recv().value();
    }
    std::puts(by_clock == control_modes::defaults() ? "the usual modes" : "those of the first user");
    std::puts(after == unusual ? "its own modes" : "other modes");
}
