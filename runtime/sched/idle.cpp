// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// idle.cpp: the lists of idle and spare machines, and the counts of idle and searching machines.

#include "runtime/sched/idle.hpp"

#include "runtime/sched/machine.hpp"

#include <mutex>
#include <utility>

namespace fiber::rt {

void idle_machines::enlist(machine& m) noexcept {
    std::lock_guard const hold(lock_);
    m.next_listed = first_idle_;
    m.previous_listed = nullptr;
    if (first_idle_ != nullptr)
        first_idle_->previous_listed = &m;
    first_idle_ = &m;
    m.idle = true;
    counts_.fetch_add(one_idle,
                      std::memory_order_seq_cst); // [idle.token] in one order with the token and its reader
}

bool idle_machines::withdraw(machine& m) noexcept {
    std::lock_guard const hold(lock_);
    if (!m.idle)
        return false;
    take_off_locked(m);
    return true;
}

bool idle_machines::withdraw(machine& m, processor const& of) noexcept {
    std::lock_guard const hold(lock_);
    if (!m.idle || m.p != &of)
        return false;
    take_off_locked(m);
    return true;
}

void idle_machines::take_off_locked(machine& m) noexcept {
    (m.previous_listed != nullptr ? m.previous_listed->next_listed : first_idle_) = m.next_listed;
    if (m.next_listed != nullptr)
        m.next_listed->previous_listed = m.previous_listed;
    m.idle = false;
    counts_.fetch_sub(one_idle, std::memory_order_relaxed); // relaxed: no thread waits for a lower count
}

machine* idle_machines::take_idle_locked() noexcept {
    machine* m = first_idle_;
    if (m != nullptr && m->watches() && m->next_listed != nullptr) // its place would have to be filled
        m = m->next_listed;
    if (m != nullptr)
        take_off_locked(*m);
    return m;
}

machine* idle_machines::take_idle() noexcept {
    std::lock_guard const hold(lock_);
    return take_idle_locked();
}

void idle_machines::wake_one() noexcept {
    if (count() == 0)
        return;
    full_fence(); // [idle.wake]
    // [idle.token] seq_cst: in one order with the count in enlist()
    auto seen = counts_.load(std::memory_order_seq_cst);
    while (idle(seen) != 0 && searching(seen) == 0) {
        if (!counts_.compare_exchange_weak(seen, seen + one_searching, std::memory_order_seq_cst))
            continue;
        if (machine* const m = take_idle()) {
            m->searching = true;
            m->wake();
            return;
        }
        seen = counts_.fetch_sub(one_searching, std::memory_order_seq_cst) - one_searching; // [idle.token]
    }
}

bool idle_machines::start_searching(unsigned processors) noexcept {
    // relaxed: the limit avoids waste, and need not be exact.
    auto const seen = counts_.load(std::memory_order_relaxed);
    if (2 * searching(seen) + idle(seen) >= processors)
        return false;
    counts_.fetch_add(one_searching, std::memory_order_seq_cst); // [idle.token]
    return true;
}

void idle_machines::search_again() noexcept {
    counts_.fetch_add(one_searching, std::memory_order_seq_cst); // [idle.token]
}

bool idle_machines::stop_searching() noexcept {
    return searching(counts_.fetch_sub(one_searching, std::memory_order_seq_cst)) == 1; // [idle.token]
}

processor* idle_machines::take_idle_processor() noexcept {
    if (count() == 0)
        return nullptr;
    std::lock_guard const hold(lock_);
    machine* const m = take_idle_locked();
    if (m == nullptr)
        return nullptr;
    m->next_listed = first_spare_;
    first_spare_ = m;
    return std::exchange(m->p, nullptr); // [idle.take]
}

void idle_machines::add_spare(machine& m) noexcept {
    std::lock_guard const hold(lock_);
    m.next_listed = first_spare_;
    first_spare_ = &m;
}

machine* idle_machines::take_spare() noexcept {
    std::lock_guard const hold(lock_);
    machine* const m = first_spare_;
    if (m != nullptr)
        first_spare_ = m->next_listed;
    return m;
}

void idle_machines::wake_all() noexcept {
    while (machine* const m = take_idle())
        m->wake();
}

void idle_machines::wake_spares() noexcept {
    while (machine* const m = take_spare())
        m->wake();
}

} // namespace fiber::rt
