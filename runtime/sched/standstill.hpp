// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// standstill.hpp: what sysmon does when all processors of a runtime stand still. Then each processor is
// held by a machine that blocks, no other machine is available, and fibers are runnable.
// A runnable fiber may be what the others wait for, for example the owner of a std::mutex that has
// yielded. Which one cannot be known, so machines beyond max_machines run them, first in, first out.
// Then each program finishes that would finish with threads, if the system provides the threads.
#pragma once

#include "runtime/base/platform/clock.hpp"

#include <cstddef>

namespace fiber::rt {

class scheduler;

class standstill {
public:
    explicit standstill(scheduler& of) noexcept : of_(of) {}

    // Notes whether all processors stand still. sysmon calls it after each check.
    void note(bool all_stand_still, clock::time_point now) noexcept;

private:
    void allow_more() noexcept;
    void warn_of_no_threads(clock::time_point now) noexcept;

    scheduler& of_;
    bool lasts_ = false;
    bool told_ = false;         // whether the warning about max_machines was printed
    clock::time_point since_{}; // the start of this standstill, or the last time that more were allowed
    clock::time_point last_{};  // the last check at which all stood still
    clock::time_point next_warning_{};
};

} // namespace fiber::rt
