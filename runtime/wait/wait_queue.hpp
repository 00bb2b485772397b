// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// wait_queue.hpp: a FIFO of waiting agents, and its operations.
//   invariant  a waiter is in at most one queue; `queued()` returns true while it is in one
//   callers    the holder of the lock that guards the list
// A waiter lives on the stack of the waiting agent, and may be destroyed once that agent is unparked.
#pragma once

#include "runtime/base/process/assert.hpp"
#include "runtime/wait/ticket.hpp"

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

    // Takes out `me`, the waiter of the caller, after its deadline or its stop has claimed the wait. Returns
    // false if a waker has taken it out before: then the primitive may be destroyed.
    bool withdraw(waiter& me) noexcept {
        if (!me.queued())
            return false;
        remove(me);
        return true;
    }

    // Puts `by`, which is in no queue, into the position of w, and takes w out.
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

    // [fork] Empties the queue in a child: its waiters are from the parent, and their memory may be
    // destroyed or reused.
    void forget_all() noexcept { last_ = nullptr; }

    // Takes the first waiter out and returns it; returns null if the queue is empty. Does not claim the
    // waiter: another agent may be about to end its wait.
    [[nodiscard]] waiter* pop_front() noexcept {
        waiter* const w = front();
        if (w != nullptr)
            remove(*w);
        return w;
    }

    // Takes out the first waiter with a ticket that the caller can claim, and returns it; returns null if
    // there is none. The caller must unpark it. Waiters before it, with waits that have ended otherwise,
    // are taken out too: they find that they are not queued.
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
