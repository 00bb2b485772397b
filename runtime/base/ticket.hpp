// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// ticket.hpp: who waits, and the right to end one particular wait of his.
//
// An agent is a fiber or an OS thread. Its memory is type-stable: records are recycled as agents, and never
// returned to the allocator. So a ticket may outlive the wait, and even the agent it was made for.
//
// A wait is uncontested (id 0) when exactly one other agent can end it: whoever takes the waiter out of the
// one queue it is in. No atomic is needed. Otherwise it is contested: a queue, a timer, a stop request may
// all want to end it, and the agent's wait word decides.
//
//   bits of wait_  name       set by                                     if wrong
//   0              parked     the agent, once it is off its stack        set early: it runs on two machines
//   1              claimed    the one who won the wait, under any lock   set twice: woken twice
//   2              woken      that winner, when all it hands over is     set early: the agent reads half a value
//                             in place
//   3              timed_out  with claimed, if it is the deadline that   the agent takes a value that nobody has given, or
//                             has won                                    loses one
//   4..63          the id of the wait, never reused by this agent
//
// invariant  an agent has one open wait at a time;
//            a wait that is opened is claimed once; a wait that is claimed is marked woken once, by the claimer;
//            whichever of `parked` and `woken` comes second finds the other set, and makes the agent runnable.
//
// [fork] An agent that has stayed behind in the parent of a fork waits no more: its tickets cannot be claimed.
#pragma once

#include "runtime/base/process_stamp.hpp"

#include <atomic>
#include <cstdint>

namespace fiber::rt {

class agent;

struct ticket {
    agent* who = nullptr;
    std::uint64_t wait_id = 0; // 0: uncontested
    [[nodiscard]] bool contested() const noexcept { return wait_id != 0; }
    friend bool operator==(ticket const&, ticket const&) = default;

    // One line: all that to wake a fiber touches.
    void prefetch_agent() const noexcept { __builtin_prefetch(who); }
};

class agent {
public:
    enum class kind : std::uint8_t { fiber, thread };

    explicit agent(kind k) noexcept : kind_(k) {}
    agent(agent const&) = delete;
    agent& operator=(agent const&) = delete;

    [[nodiscard]] bool is_fiber() const noexcept { return kind_ == kind::fiber; }
    [[nodiscard]] bool is_from_parent() const noexcept { return stamp_.is_from_parent(); } // [fork]
    // For the one agent that a fork takes along, in the child.
    void adopt_in_child() noexcept { stamp_ = process_stamp(); }

    // By the agent itself. Relaxed: the ticket is published by the lock of the queue that it is put into.
    [[nodiscard]] ticket open_wait() noexcept {
        auto const id = (wait_.load(std::memory_order_relaxed) | (step - 1)) + 1;
        wait_.store(id, std::memory_order_relaxed);
        return {this, id};
    }

    // By anyone with the ticket: true for the first one, who must call mark_woken.
    [[nodiscard]] static bool claim(ticket t) noexcept { return claim_as(t, claimed); }
    [[nodiscard]] static bool claim_by_deadline(ticket t) noexcept {
        return claim_as(t, claimed | timed_out);
    }

    // By the claimer: true if it must make the agent runnable.
    [[nodiscard]] static bool mark_woken(ticket t) noexcept {
        if (!t.contested())
            return true;
        // [wait.woken] release: the agent sees what was handed over. acquire: it is off its stack.
        return (t.who->wait_.fetch_add(woken, std::memory_order_acq_rel) & parked) != 0;
    }

    // For the agent, once it is off its stack (a thread: before it sleeps): true if it was woken meanwhile
    // and must be made runnable by the caller.
    [[nodiscard]] static bool mark_parked(ticket t) noexcept {
        return (t.who->wait_.fetch_add(parked, std::memory_order_acq_rel) & woken) != 0; // [wait.woken]
    }

    // For the agent: whether it is the wait that was opened last. One that is not can be claimed no more: an agent has one open
    // wait at a time, from the moment at which others learn of it.
    [[nodiscard]] static bool is_open(ticket t) noexcept {
        // relaxed: the agent's own
        return (t.who->wait_.load(std::memory_order_relaxed) & ~(step - 1)) == t.wait_id;
    }

    // For the agent: true if somebody has claimed its wait, so that mark_woken has been or will be called.
    [[nodiscard]] static bool is_claimed(ticket t) noexcept {
        return (t.who->wait_.load(std::memory_order_acquire) & claimed) != 0; // [wait.claim]
    }

    // For the agent, after a contested wait.
    [[nodiscard]] static bool ended_by_deadline(ticket t) noexcept {
        return (t.who->wait_.load(std::memory_order_relaxed) & timed_out) != 0; // ordered by the wake
    }

private:
    static constexpr std::uint64_t parked = 1, claimed = 2, woken = 4, timed_out = 8, step = 16;

    [[nodiscard]] static bool claim_as(ticket t, std::uint64_t bits) noexcept {
        if (t.who->is_from_parent()) [[unlikely]] // [fork]
            return false;
        if (!t.contested())
            return true;
        auto seen = t.who->wait_.load(std::memory_order_relaxed); // the exchange below orders
        while ((seen & ~parked) == t.wait_id)
            if (t.who->wait_.compare_exchange_weak(seen, seen | bits,
                                                   std::memory_order_acq_rel, // [wait.claim]
                                                   std::memory_order_relaxed))
                return true;
        return false;
    }

    std::atomic<std::uint64_t> wait_{0};
    process_stamp stamp_;
    kind const kind_;
};

} // namespace fiber::rt
