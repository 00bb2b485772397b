// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/publish.hpp"

namespace fiber::rt {

void share_half(machine& m) noexcept {
    m.p->clear_share_request();
    if (m.p->queued() == 0)
        return;
    work_finder& work = m.scheduler.work;
    if (work.global.empty()) {
        work.global.push_shared(m.p->take_half());
        ++m.p->shared_out;
    }
    light_fence(); // [idle.wake]
    work.idle.wake_one();
}

void publish_backlog(machine& m) noexcept {
    ++m.p->published;
    if (m.p->share_requested())
        share_half(m);
    else if (m.p->waiting() > 1)
        m.scheduler.work.idle.wake_one();
}

} // namespace fiber::rt
