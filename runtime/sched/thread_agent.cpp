// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/thread_agent.hpp"

#include "runtime/base/process/no_destructor.hpp"
#include "runtime/local_table.hpp"
#include "runtime/sched/fiber_pool.hpp"

#include <mutex>

namespace fiber::rt {

class thread_agent_pool {
public:
    static thread_agent& acquire() {
        std::lock_guard const hold(lock.value);
        thread_agent* p = first;
        if (p != nullptr)
            first = p->next_free_;
        else
            p = new thread_agent;
        p->id = new_agent_id();
        return *p;
    }
    static void release(thread_agent& p) {
        std::lock_guard const hold(lock.value);
        p.next_free_ = first;
        first = &p;
    }

    static constinit inline no_destructor<std::mutex> lock; // guards `first`
    static constinit inline thread_agent* first = nullptr;
};

std::mutex& thread_agents_mutex() noexcept { return thread_agent_pool::lock.value; }
void renew_thread_agents() noexcept { thread_agent_pool::first = nullptr; }

thread_agent& thread_agent::acquire() noexcept { return thread_agent_pool::acquire(); }

void thread_agent::release(thread_agent& p) noexcept { thread_agent_pool::release(p); }

void thread_agent::destroy_locals() noexcept { local_table::destroy(locals); }

bool thread_agent::sleep_until(clock::time_point deadline) noexcept {
    for (;;) {
        std::uint32_t seen = empty;
        // [thread.ready] acquire: sees what the waker did before
        if (!state_.compare_exchange_strong(seen, parked, std::memory_order_acquire) && seen == notified)
            break;
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
