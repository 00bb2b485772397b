// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// barrier.cpp: a barrier: each arrival holds the queue lock once; only the completion runs without
// it.
//
// [barrier.destruction] The store to phase_ is the completing agent's last access, after it has
//   taken the waiters out. A wait that finds the phase over returns without the lock, and may
//   destroy the barrier; so may a woken waiter. The queue lock is not part of the barrier:
//   [queue.outlive].
#include <fiber/barrier.hpp>

#include "runtime/base/lock/queue_lock.hpp"
#include "sync/misuse.hpp"
#include "sync/waiting.hpp"

namespace fiber::detail {

barrier_base::number barrier_base::arrive_locked(std::ptrdiff_t n) noexcept {
    if (n <= 0 || n > missing_) [[unlikely]]
        report_misuse("more arrivals than expected in a phase, or less than one");
    missing_ -= n;
    return phase_.load(std::memory_order_relaxed); // relaxed: changed under the lock only
}

// Runs the completion, starts the next phase, and wakes the waiters. Releases the queue lock.
void barrier_base::complete_locked(completion on_completion) noexcept {
    auto& queue_lock = rt::queue_lock_of(this);
    if (on_completion.run != nullptr) {
        queue_lock.unlock(); // no agent may arrive before the next phase; drops are already counted
        on_completion.run(on_completion.what);
        queue_lock.lock();
    }
    rt::wake_list arrived;
    rt::wait_queue queue(waiters_);
    while (rt::waiter* const first = queue.pop_front())
        arrived.add(*first);
    missing_ = expected_;
    auto const next = phase_.load(std::memory_order_relaxed) + 1;
    phase_.store(next, std::memory_order_release); // [barrier.destruction] *this may be destroyed here
    queue_lock.unlock();
    arrived.wake_all();
}

barrier_base::number barrier_base::arrive(std::ptrdiff_t n, completion on_completion) noexcept {
    auto& queue_lock = rt::queue_lock_of(this);
    queue_lock.lock();
    auto const mine = arrive_locked(n);
    missing_ == 0 ? complete_locked(on_completion) : queue_lock.unlock();
    return mine;
}

void barrier_base::wait(number arrived_in) noexcept {
    if (phase_.load(std::memory_order_acquire) != arrived_in) // [barrier.destruction]
        return;
    auto& queue_lock = rt::queue_lock_of(this);
    queue_lock.lock();
    if (phase_.load(std::memory_order_relaxed) != arrived_in) { // relaxed: the lock orders
        queue_lock.unlock();
        return;
    }
    wait_locked();
}

FIBER_PARKS void barrier_base::wait_locked() noexcept {
    auto& queue_lock = rt::queue_lock_of(this);
    rt::waiter me(rt::ticket{&rt::self()});
    rt::wait_queue(waiters_).push_back(me);
    rt::park(rt::wait_reason::barrier, this, [&queue_lock]() noexcept { queue_lock.unlock(); });
}

void barrier_base::arrive_and_wait(completion on_completion) noexcept {
    rt::queue_lock_of(this).lock();
    static_cast<void>(arrive_locked(1));
    missing_ == 0 ? complete_locked(on_completion) : wait_locked();
}

void barrier_base::arrive_and_drop(completion on_completion) noexcept {
    auto& queue_lock = rt::queue_lock_of(this);
    queue_lock.lock();
    static_cast<void>(arrive_locked(1));
    --expected_;
    missing_ == 0 ? complete_locked(on_completion) : queue_lock.unlock();
}

void barrier_base::report_misuse(char const* what) const noexcept {
    rt::report_misuse("fiber::barrier", this, what);
}

void barrier_base::report_destroyed_in_use() const noexcept {
    rt::report_destroyed_in_use("fiber::barrier", this, "others wait for it");
}

} // namespace fiber::detail
