// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// standstill.hpp: what sysmon does when all processors of a runtime stand still: each is held by a machine that blocks, no
// other machine can be had, and fibers are runnable. One of those may be what the others wait for: the owner of a std::mutex
// that has yielded, say. Which one cannot be known, so they are run first in, first out, by machines beyond max_machines:
// then programs finish that finish with threads, as far as the system gives threads.
#pragma once

#include "runtime/base/clock.hpp"

#include <cstddef>

namespace fiber::rt {

class scheduler;

class standstill {
public:
    explicit standstill(scheduler& of) noexcept : of_(of) {}

    // By sysmon, after each look: whether all stand still.
    void note(bool all_stand_still, clock::time_point now) noexcept;

private:
    void allow_more() noexcept;
    void warn_of_no_threads(clock::time_point now) noexcept;

    scheduler& of_;
    bool lasts_ = false;
    bool told_ = false;         // of max_machines
    clock::time_point since_{}; // if it lasts; or since the limit was raised last
    clock::time_point last_{};  // when all stood still
    clock::time_point next_warning_{};
};

} // namespace fiber::rt
