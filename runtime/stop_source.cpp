// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include <fiber/stop_token.hpp>

#include "runtime/sched/scheduler.hpp"

namespace fiber {
namespace {

// While it lives, the calling fiber is pinned as by a thread_pin, but for the OS thread that the other fibers need
// meanwhile: that one is had when the fiber first waits. It cannot fail.
class pinned_while_waiting {
public:
    pinned_while_waiting() noexcept {
        if (rt::machine* const m = rt::current_machine()) {
            if (m->pins++ == 0)
                rt::scheduler::pin_lazily(*m);
        }
    }
    ~pinned_while_waiting() {
        rt::machine* const m = rt::current_machine(); // the same, or [fork.thread] null
        if (m != nullptr)
            rt::scheduler::end_pin(*m);
    }
    pinned_while_waiting(pinned_while_waiting const&) = delete;
    pinned_while_waiting& operator=(pinned_while_waiting const&) = delete;
};

} // namespace

bool stop_source::request_stop() const noexcept {
    pinned_while_waiting const keep_thread;
    return std::stop_source::request_stop(); // *this may be gone
}

} // namespace fiber
