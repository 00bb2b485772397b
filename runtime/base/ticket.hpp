// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// ticket.hpp: who waits, and the right to end one particular wait of his.
//
// A party is a fiber or an OS thread. Its memory is type-stable: records are recycled as parties, and never
// returned to the allocator. So a ticket may outlive the wait, and even the party it was made for.
//
// A wait is uncontested (turn 0) when exactly one other party can end it: whoever takes the waiter out of the
// one queue it is in. No atomic is needed. Otherwise it is contested: a queue, a timer, a stop request may
// all want to end it, and the turn word decides.
//
//   bits of turn_  name     set by                                     if wrong
//   0              parked   the party, once it is off its stack        set early: it runs on two machines
//   1              claimed  the one who won the wait, under any lock   set twice: woken twice
//   2              woken    that winner, when all it hands over is     set early: the party reads half a value
//                           in place
//   3              late     with claimed, if it is the deadline that   the party takes a value that nobody has given, or
//                           has won                                    loses one
//   4..63          the number of the wait, never reused by this party
//
// invariant  a party has one open wait at a time;
//            a wait that is opened is claimed once; a wait that is claimed is settled (woken) once, by the claimer;
//            whichever of `parked` and `woken` comes second finds the other set, and makes the party runnable.
//
// [fork] A party that has stayed behind in the parent of a fork waits no more: its tickets cannot be claimed.
#pragma once

#include "runtime/base/process_stamp.hpp"

#include <atomic>
#include <cstdint>

namespace fiber::rt {

class party;

struct ticket {
    party* who = nullptr;
    std::uint64_t turn = 0; // 0: uncontested
    [[nodiscard]] bool contested() const noexcept { return turn != 0; }
    friend bool operator==(ticket const&, ticket const&) = default;

    // One line: all that to wake a fiber touches.
    void prefetch_party() const noexcept { __builtin_prefetch(who); }
};

class party {
public:
    enum class kind : std::uint8_t { fiber, thread };

    explicit party(kind k) noexcept : kind_(k) {}
    party(party const&) = delete;
    party& operator=(party const&) = delete;

    [[nodiscard]] bool is_fiber() const noexcept { return kind_ == kind::fiber; }
    [[nodiscard]] bool stayed_behind() const noexcept { return stamp_.stayed_behind(); } // [fork]
    // For the one party that a fork takes along, in the child.
    void came_along() noexcept { stamp_ = process_stamp(); }

    // By the party itself. Relaxed: the ticket is published by the lock of the queue that it is put into.
    [[nodiscard]] ticket open_wait() noexcept {
        auto const turn = (turn_.load(std::memory_order_relaxed) | (step - 1)) + 1;
        turn_.store(turn, std::memory_order_relaxed);
        return {this, turn};
    }

    // By anyone with the ticket: true for the first one, who must settle it.
    [[nodiscard]] static bool claim(ticket t) noexcept { return claim_as(t, claimed); }
    [[nodiscard]] static bool claim_by_deadline(ticket t) noexcept { return claim_as(t, claimed | late); }

    // By the claimer: true if it must make the party runnable.
    [[nodiscard]] static bool settle(ticket t) noexcept {
        if (!t.contested())
            return true;
        // [wait.settle] release: the party sees what was handed over. acquire: it is off its stack.
        return (t.who->turn_.fetch_add(woken, std::memory_order_acq_rel) & parked) != 0;
    }

    // For the party, once it is off its stack (a thread: before it sleeps): true if it was woken meanwhile
    // and must be made runnable by the caller.
    [[nodiscard]] static bool parked_too_late(ticket t) noexcept {
        return (t.who->turn_.fetch_add(parked, std::memory_order_acq_rel) & woken) != 0; // [wait.settle]
    }

    // For the party: whether it is the wait that was opened last. One that is not can be claimed no more: a party has one open
    // wait at a time, from the moment at which others learn of it.
    [[nodiscard]] static bool is_open(ticket t) noexcept {
        // relaxed: the party's own
        return (t.who->turn_.load(std::memory_order_relaxed) & ~(step - 1)) == t.turn;
    }

    // For the party: true if somebody has claimed its wait, so that a settle has come or will come.
    [[nodiscard]] static bool is_claimed(ticket t) noexcept {
        return (t.who->turn_.load(std::memory_order_acquire) & claimed) != 0; // [wait.claim]
    }

    // For the party, after a contested wait.
    [[nodiscard]] static bool ended_by_deadline(ticket t) noexcept {
        return (t.who->turn_.load(std::memory_order_relaxed) & late) != 0; // ordered by the wake
    }

private:
    static constexpr std::uint64_t parked = 1, claimed = 2, woken = 4, late = 8, step = 16;

    [[nodiscard]] static bool claim_as(ticket t, std::uint64_t how) noexcept {
        if (t.who->stayed_behind()) [[unlikely]] // [fork]
            return false;
        if (!t.contested())
            return true;
        auto seen = t.who->turn_.load(std::memory_order_relaxed); // the exchange below orders
        while ((seen & ~parked) == t.turn)
            if (t.who->turn_.compare_exchange_weak(seen, seen | how,
                                                   std::memory_order_acq_rel, // [wait.claim]
                                                   std::memory_order_relaxed))
                return true;
        return false;
    }

    std::atomic<std::uint64_t> turn_{0};
    process_stamp stamp_;
    kind const kind_;
};

} // namespace fiber::rt
