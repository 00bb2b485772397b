// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/thread_party.hpp"

#include "runtime/base/immortal.hpp"
#include "runtime/local_table.hpp"
#include "runtime/sched/fiber_pool.hpp"

#include <mutex>

namespace fiber::rt {

class thread_party_pool {
public:
    static thread_party& acquire() {
        std::lock_guard const hold(lock.value);
        thread_party* p = first;
        if (p != nullptr)
            first = p->next_free_;
        else
            p = new thread_party;
        p->id = new_party_id();
        return *p;
    }
    static void release(thread_party& p) {
        std::lock_guard const hold(lock.value);
        p.next_free_ = first;
        first = &p;
    }

    static constinit inline immortal<std::mutex> lock; // guards the next
    static constinit inline thread_party* first = nullptr;
};

std::mutex& thread_parties_mutex() noexcept { return thread_party_pool::lock.value; }
void renew_thread_parties() noexcept { thread_party_pool::first = nullptr; }

thread_party& thread_party::acquire() noexcept { return thread_party_pool::acquire(); }

void thread_party::release(thread_party& p) noexcept { thread_party_pool::release(p); }

void thread_party::destroy_locals() noexcept { local_table::destroy(locals); }

bool thread_party::sleep_until(clock::time_point deadline) noexcept {
    for (;;) {
        std::uint32_t seen = 0;
        // [thread.ready] acquire: what the waker has done
        if (!word_.compare_exchange_strong(seen, 2, std::memory_order_acquire) && seen == 1)
            break;
        futex_wait(word_, 2, deadline);
        seen = 2;
        if (deadline != never && word_.load(std::memory_order_relaxed) == 2 && clock::now() >= deadline &&
            word_.compare_exchange_strong(seen, 0, std::memory_order_acquire)) // [thread.ready]
            return false;
    }
    word_.store(0, std::memory_order_relaxed); // nobody else writes it until the next wait is published
    return true;
}

void thread_party::ready() noexcept {
    if (word_.exchange(1, std::memory_order_release) == 2) // [thread.ready]
        futex_wake_one(word_);                             // the thread may be gone; its record is not
}

} // namespace fiber::rt
