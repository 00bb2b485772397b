// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// ticket.hpp: which agent waits, and the right to end one of its waits.
//
// An agent is a fiber or an OS thread. Agents live in type-stable memory: records are recycled as
// agents, and never returned to the allocator. A ticket may therefore outlive the wait, and even
// the agent that made it.
//
// A wait is uncontested (id 0) if exactly one other agent can end it: the agent that takes the
// waiter out of its only queue. An uncontested wait needs no atomic. Otherwise the wait is
// contested: a queue, a timer and a stop request may all try to end it, and the agent's wait word
// decides.
//
//   bits of wait_  name       set by                                     if wrong
//   0              parked     the agent, once it is off its stack        set early: it runs on two machines
//   1              claimed    the agent that won the wait, under any     set twice: woken twice
//                             lock
//   2              woken      the same winner, when everything that it   set early: the waiter reads half a
//                             hands over is in place                     value
//   3              timed_out  with claimed, if the deadline has won      the waiter takes a value that nobody
//                                                                        has given, or loses one
//   4..63          the id of the wait, never reused by this agent
//
// invariant  an agent has one open wait at a time;
//            an open wait is claimed once; a claimed wait is marked woken once, by the claimer;
//            of `parked` and `woken`, the second to be set finds the other and makes the agent runnable.
//
// [fork] In the child, an agent of the parent no longer waits: its tickets cannot be claimed.
#pragma once

#include "runtime/base/process/process_stamp.hpp"

#include <atomic>
#include <cstdint>

namespace fiber::rt {

class agent;

struct ticket {
    agent* who = nullptr;
    std::uint64_t wait_id = 0; // 0: uncontested
    [[nodiscard]] bool contested() const noexcept { return wait_id != 0; }
    friend bool operator==(ticket const&, ticket const&) = default;

    // Prefetches the only cache line that waking a fiber touches.
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
    // Called in the child, for the only agent that fork() takes along.
    void adopt_in_child() noexcept { stamp_ = process_stamp(); }

    // Opens a wait of the calling agent. relaxed: the lock of the queue that gets the ticket
    // publishes it.
    [[nodiscard]] ticket open_wait() noexcept {
        auto const id = (wait_.load(std::memory_order_relaxed) | (step - 1)) + 1;
        wait_.store(id, std::memory_order_relaxed);
        return {this, id};
    }

    // May be called by any agent that has the ticket. Returns true to the first caller, which must
    // call mark_woken.
    [[nodiscard]] static bool claim(ticket t) noexcept { return claim_as(t, claimed); }
    [[nodiscard]] static bool claim_by_deadline(ticket t) noexcept {
        return claim_as(t, claimed | timed_out);
    }

    // Called by the claimer. Returns true if it must make the agent runnable.
    [[nodiscard]] static bool mark_woken(ticket t) noexcept {
        if (!t.contested())
            return true;
        // [wait.woken] release: the agent sees what was handed over. acquire: it is off its stack.
        return (t.who->wait_.fetch_add(woken, std::memory_order_acq_rel) & parked) != 0;
    }

    // Called for the agent once it is off its stack (a thread: before it sleeps). Returns true if
    // the agent has been woken already; the caller must then make it runnable.
    [[nodiscard]] static bool mark_parked(ticket t) noexcept {
        return (t.who->wait_.fetch_add(parked, std::memory_order_acq_rel) & woken) != 0; // [wait.woken]
    }

    // Called by the agent. Returns true if the ticket belongs to the wait that it opened last. An
    // older wait cannot be claimed any more: an agent has one open wait at a time, from the moment
    // at which other agents learn of it.
    [[nodiscard]] static bool is_open(ticket t) noexcept {
        // relaxed: only the agent opens waits
        return (t.who->wait_.load(std::memory_order_relaxed) & ~(step - 1)) == t.wait_id;
    }

    // Called by the agent. Returns true if its wait has been claimed, so that mark_woken has been
    // or will be called.
    [[nodiscard]] static bool is_claimed(ticket t) noexcept {
        return (t.who->wait_.load(std::memory_order_acquire) & claimed) != 0; // [wait.claim]
    }

    // Called by the agent after a contested wait. Returns true if the deadline ended it.
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
        auto seen = t.who->wait_.load(std::memory_order_relaxed); // relaxed: the exchange below orders
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
