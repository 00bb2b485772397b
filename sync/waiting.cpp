// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "sync/waiting.hpp"

namespace fiber::rt {

wait_outcome park_stoppable(ticket key, clock::time_point deadline, std::stop_token const& stop,
                            wait_reason why, void const* what) noexcept {
    bool stopped = false;
    wait_end end;
    {
        std::stop_callback const on_stop(stop, [key, &stopped]() noexcept { // [wait.stop] right
            if (agent::claim(key)) {
                stopped = true;
                unpark(key);
            }
        });
        end = park_until(key, deadline, why, what, []() noexcept {});
    } // [wait.stop] left.4
    if (stopped)
        return wait_outcome::stopped;
    return end == wait_end::timed_out ? wait_outcome::timed_out : wait_outcome::woken;
}

} // namespace fiber::rt
