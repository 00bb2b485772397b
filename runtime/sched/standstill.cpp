// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/standstill.hpp"

#include "runtime/base/process/fatal.hpp"
#include "runtime/sched/scheduler.hpp"

#include <chrono>

namespace fiber::rt {
namespace {

using namespace std::chrono_literals;

// A system call that ends by itself, such as a read from a disk, probably takes less.
constexpr auto time_before_more = 10ms;
// The time from the end of a standstill until max_machines is the limit again. The fibers that the
// additional machines have run are likely to block once more.
constexpr auto time_to_forget = 1s;
constexpr auto time_between_warnings = 10s;

} // namespace

void standstill::note(bool all_stand_still, clock::time_point now) noexcept {
    if (!all_stand_still) {
        lasts_ = false;
        if (now - last_ > time_to_forget)
            of_.machines.set_limit(of_.machines.max_machines());
        return;
    }
    if (!lasts_) {
        lasts_ = true;
        since_ = now;
    }
    last_ = now;
    if (now - since_ < time_before_more)
        return;
    since_ = now;
    if (of_.machines.made() >= of_.machines.limit())
        allow_more();
    else
        warn_of_no_threads(now);
}

// Doubles the number of machines beyond max_machines, so that a tenth of a second allows thousands.
void standstill::allow_more() noexcept {
    unsigned const made = of_.machines.made();
    if (!told_)
        warn("all stand still in a runtime: each of its %u processors is held by a fiber that blocks, while "
             "%zu fibers are runnable, and there are %u machines, as many as max_machines allows. It takes "
             "more, as many as it needs to go on. Raise max_machines, or block in fewer fibers at a time",
             of_.processors.active(), of_.runnable_fibers(), made);
    told_ = true;
    of_.machines.set_limit(2 * made - of_.machines.max_machines() + 1);
}

void standstill::warn_of_no_threads(clock::time_point now) noexcept {
    if (now < next_warning_)
        return;
    next_warning_ = now + time_between_warnings;
    warn("all stand still in a runtime: each of its %u processors is held by a fiber that blocks, while %zu "
         "fibers are runnable, and there are %u machines, of which the system gives no more. Raise its limit "
         "of threads (ulimit -u, pids.max, kernel.threads-max), or block in fewer fibers at a time",
         of_.processors.active(), of_.runnable_fibers(), of_.machines.made());
}

} // namespace fiber::rt
