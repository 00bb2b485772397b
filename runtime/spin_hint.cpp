// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/spin_hint.hpp"

#include "runtime/base/platform/cpu.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/scheduler.hpp"

namespace fiber::rt {

bool spinning_may_help() noexcept {
    machine const* const m = current_machine();
    return several_cpus() && (m == nullptr || m->scheduler.processors.active() > 1);
}

} // namespace fiber::rt
