// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// wait_queue.hpp: a FIFO of waiting agents, and all that may be done with it.
//   invariant  a waiter is in at most one queue; `queued()` says whether it is in one
//   callers    whoever holds the lock that guards the list
// A waiter lives on the stack of the agent that waits, and is gone as soon as that agent has been unparked.
#pragma once

#include "runtime/base/assert.hpp"
#include "runtime/base/ticket.hpp"

#include <fiber/detail/wait_list.hpp>

namespace fiber::rt {

struct waiter {
    explicit waiter(ticket t) noexcept : key(t) {}
    waiter(waiter const&) = delete;
    waiter& operator=(waiter const&) = delete;

    [[nodiscard]] bool queued() const noexcept { return next != nullptr; }

    ticket const key;
    waiter* next = nullptr;
    waiter* prev = nullptr;
};

class wait_queue {
public:
    constexpr explicit wait_queue(detail::wait_list& list) noexcept : last_(list.last_) {}

    [[nodiscard]] bool empty() const noexcept { return last_ == nullptr; }
    [[nodiscard]] waiter* front() const noexcept { return last_ != nullptr ? last_->next : nullptr; }

    void push_back(waiter& w) noexcept {
        push_front(w);
        last_ = &w;
    }

    void push_front(waiter& w) noexcept {
        FIBER_ASSERT(!w.queued());
        if (last_ == nullptr) {
            last_ = w.next = w.prev = &w;
            return;
        }
        w.next = last_->next;
        w.prev = last_;
        w.next->prev = &w;
        last_->next = &w;
    }

    void remove(waiter& w) noexcept {
        FIBER_ASSERT(w.queued());
        if (w.next == &w) {
            last_ = nullptr;
        } else {
            w.prev->next = w.next;
            w.next->prev = w.prev;
            if (last_ == &w)
                last_ = w.prev;
        }
        w.next = w.prev = nullptr;
    }

    // `by`, which is in no queue, takes the place of w.
    void replace(waiter& w, waiter& by) noexcept {
        FIBER_ASSERT(w.queued() && !by.queued());
        bool const alone = w.next == &w;
        by.next = alone ? &by : w.next;
        by.prev = alone ? &by : w.prev;
        by.next->prev = by.prev->next = &by;
        if (last_ == &w)
            last_ = &by;
        w.next = w.prev = nullptr;
    }

    // [fork] All who wait have stayed behind in the parent, and what they lay in may be gone.
    void forget_all() noexcept { last_ = nullptr; }

    // The first waiter, whoever else may be about to end its wait; null if there is none.
    [[nodiscard]] waiter* pop_front() noexcept {
        waiter* const w = front();
        if (w != nullptr)
            remove(*w);
        return w;
    }

    // The first waiter whose wait the caller has won, taken out; the caller must unpark it. Those whose waits
    // have already ended otherwise are taken out too: they find themselves not queued.
    [[nodiscard]] waiter* claim_front() noexcept {
        while (waiter* const w = pop_front())
            if (agent::claim(w->key))
                return w;
        return nullptr;
    }

private:
    waiter*& last_;
};

} // namespace fiber::rt
