// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/idle.hpp"

#include "runtime/sched/machine.hpp"

#include <mutex>

namespace fiber::rt {

void idle_machines::enlist(machine& m) noexcept {
    std::lock_guard const hold(lock_);
    m.next_idle = first_;
    first_ = &m;
    m.enlisted = true;
    idle_.fetch_add(
        1, std::memory_order_seq_cst); // [idle.token] in one order with the token and its reader below
}

bool idle_machines::withdraw(machine& m) noexcept {
    std::lock_guard const hold(lock_);
    if (!m.enlisted)
        return false;
    machine** at = &first_;
    while (*at != &m)
        at = &(*at)->next_idle;
    *at = m.next_idle;
    m.enlisted = false;
    idle_.fetch_sub(1, std::memory_order_relaxed); // one fewer to wake: nobody waits for that
    return true;
}

machine* idle_machines::take_one() noexcept {
    std::lock_guard const hold(lock_);
    machine* const m = first_;
    if (m != nullptr) {
        first_ = m->next_idle;
        m->enlisted = false;
        idle_.fetch_sub(1, std::memory_order_relaxed); // as in withdraw
    }
    return m;
}

void idle_machines::wake_one() noexcept {
    full_fence(); // [idle.wake]
    while (idle_.load(std::memory_order_seq_cst) != 0) {
        unsigned none = 0;
        // [idle.token] seq_cst: in one order with enlist's count
        if (searching_.load(std::memory_order_relaxed) != 0 ||
            !searching_.compare_exchange_strong(none, 1, std::memory_order_seq_cst))
            return;
        if (machine* const m = take_one()) {
            m->searching = true;
            m->wake();
            return;
        }
        searching_.fetch_sub(1, std::memory_order_seq_cst); // [idle.token] the loop looks at idle_ once more
    }
}

bool idle_machines::start_searching(unsigned processors) noexcept {
    // Relaxed: a limit on waste, not a promise.
    auto const busy = processors - count();
    if (2 * searching_.load(std::memory_order_relaxed) >= busy)
        return false;
    searching_.fetch_add(1, std::memory_order_seq_cst); // [idle.token]
    return true;
}

bool idle_machines::stop_searching() noexcept {
    return searching_.fetch_sub(1, std::memory_order_seq_cst) == 1; // [idle.token]
}

void idle_machines::wake_all() noexcept {
    while (machine* const m = take_one())
        m->wake();
}

} // namespace fiber::rt
