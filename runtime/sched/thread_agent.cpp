// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/thread_agent.hpp"

#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/base/process/no_destructor.hpp"
#include "runtime/local_table.hpp"
#include "runtime/sched/fiber_pool.hpp"

#include <mutex>

namespace fiber::rt {
namespace {

constinit no_destructor<std::mutex> free_agents_lock; // guards first_free_agent
constinit thread_agent* first_free_agent = nullptr;
constinit std::atomic<thread_agent*> last_made{nullptr}; // all agents by next_made_, also free ones

void tell_detector() noexcept {
    full_fence();                                                                   // [thread.count]
    if (auto const on_rest = thread_agent::on_rest.load(std::memory_order_relaxed)) // ordered by the fence
        on_rest();
}

} // namespace

std::mutex& thread_agents_mutex() noexcept { return free_agents_lock.value; }
void renew_thread_agents() noexcept { first_free_agent = nullptr; }

thread_agent& thread_agent::acquire() noexcept {
    std::lock_guard const hold(free_agents_lock.value);
    thread_agent* it = first_free_agent;
    if (it != nullptr) {
        first_free_agent = it->next_free_;
    } else {
        it = new thread_agent;
        it->next_made_ = last_made.load(std::memory_order_relaxed); // relaxed: written under the lock
        last_made.store(it, std::memory_order_release);             // [agents] the agent is complete
    }
    it->id = new_agent_id();
    return *it;
}

void thread_agent::release(thread_agent& of) noexcept {
    tell_detector();
    std::lock_guard const hold(free_agents_lock.value);
    of.next_free_ = first_free_agent;
    first_free_agent = &of;
}

void thread_agent::destroy_locals() noexcept { local_table::destroy(locals); }

bool thread_agent::sleeps_for_ever() const noexcept {
    return state_.load(std::memory_order_acquire) == parked && !has_deadline_ && !is_from_parent();
}

thread_agent::waits thread_agent::count_waits() noexcept {
    waits all;
    for (thread_agent const* a = last_made.load(std::memory_order_acquire); a != nullptr;
         a = a->next_made_) { // [agents]
        all.waiting += a->sleeps_for_ever();
        all.begun += a->waits_begun_;
    }
    return all;
}

bool thread_agent::sleep_until(clock::time_point deadline) noexcept {
    has_deadline_ = deadline != never;
    waits_begun_ = waits_begun_ + 1;
    for (;;) {
        std::uint32_t seen = empty;
        // [thread.ready] acquire: sees what the waker did before
        if (!state_.compare_exchange_strong(seen, parked, std::memory_order_acquire) && seen == notified)
            break;
        if (seen == empty && deadline == never)
            tell_detector();
        futex_wait(state_, parked, deadline);
        seen = parked;
        if (deadline != never && state_.load(std::memory_order_relaxed) == parked &&
            clock::now() >= deadline &&
            state_.compare_exchange_strong(seen, empty, std::memory_order_acquire)) // [thread.ready]
            return false;
    }
    state_.store(empty, std::memory_order_relaxed); // only this thread writes it until the next wait
    return true;
}

void thread_agent::ready() noexcept {
    if (state_.exchange(notified, std::memory_order_release) == parked) // [thread.ready]
        futex_wake_one(state_); // the thread may have ended; its record still exists
}

} // namespace fiber::rt
