// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stop_source.cpp: request_stop, which pins the calling fiber while callbacks run.

#include <fiber/stop_token.hpp>

#include "runtime/sched/current.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/pin.hpp"

namespace fiber {
namespace {

// Pins the calling fiber while it lives, as a thread_pin does, with one difference: it gets the OS thread
// for the other fibers only when the pinned fiber first waits. Therefore it cannot fail.
class pinned_while_waiting {
public:
    pinned_while_waiting() noexcept {
        if (rt::machine* const m = rt::current_machine()) {
            if (m->pins++ == 0)
                rt::pin_lazily(*m);
        }
    }
    ~pinned_while_waiting() {
        rt::machine* const m = rt::current_machine(); // the same machine, or [fork.thread] null
        if (m != nullptr)
            rt::end_pin(*m);
    }
    pinned_while_waiting(pinned_while_waiting const&) = delete;
    pinned_while_waiting& operator=(pinned_while_waiting const&) = delete;
};

} // namespace

bool stop_source::request_stop() const noexcept {
    pinned_while_waiting const keep_thread;
    return std::stop_source::request_stop(); // *this may be destroyed here
}

} // namespace fiber
