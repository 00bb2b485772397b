// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select_case_ref.hpp: what a select does with one case that names a channel. For select.cpp alone. The tags
// are explained there.
#pragma once

#include "chan/channel_locked.hpp"
#include "runtime/base/platform/clock.hpp"

#include <fiber/detail/select_case.hpp>

#include <new>
#include <type_traits>

namespace fiber::detail {

// Returns true if the case is ready whatever the channels do. A time-out never is: it limits this wait.
[[nodiscard]] inline bool is_due(select_case const& c) noexcept {
    if (c.what == select_case::kind::stop)
        return c.listener->token.stop_requested();
    return c.what == select_case::kind::time_point && c.until <= rt::clock::now();
}

// Returns true if the case is a time-out that is over at once.
[[nodiscard]] inline bool has_no_time(select_case const& c) noexcept {
    return c.what == select_case::kind::timeout && c.timeout <= rt::clock::duration::zero();
}

// Refers to a case that names a channel. The waiter of the case, if it was made, stands in the case.
class channel::select_case_ref {
public:
    explicit select_case_ref(select_case& of) noexcept : case_(of) {}

    [[nodiscard]] side on_side() const noexcept {
        return case_.what == select_case::kind::recv ? receivers : senders;
    }

    // Returns true if the case looks ready. Without the lock the result is a guess: [chan.early]. Under the
    // lock it is exact, except that it counts waiters that have timed out or are claimed by other agents.
    [[nodiscard, gnu::always_inline]] bool looks_ready() const noexcept {
        return on_side() == receivers ? case_.on->probe_recv() != op_status::empty
                                      : probe_send(case_.on) != op_status::full;
    }

    // Performs the case, releases the locks by unlock(), moves the value, and wakes the partner. Returns
    // false if the case was not ready. Its partners had timed out, or were claimed by other agents; they are
    // out of the queue now.
    template <class Unlock>
    [[nodiscard, gnu::always_inline]] bool perform_locked(Unlock const& unlock) const noexcept {
        channel& on = *case_.on;
        waiter* partner = nullptr;
        case_.outcome = on_side() == receivers ? on.recv_locked(case_.slot, partner)
                                               : on.send_locked(case_.slot, partner);
        element_ops const& ops = *on.ops_;
        bool const direct = on.capacity_ == 0;
        unlock(); // [chan.last]
        if (partner != nullptr) {
            if (on_side() == senders)
                move_element(ops, partner->slot, case_.slot);
            else if (direct)
                move_element(ops, case_.slot, partner->slot);
            partner->wake(op_status::success);
        }
        return case_.outcome == op_status::success || case_.outcome == op_status::closed;
    }

    [[gnu::always_inline]] void make_waiter(rt::ticket key, bool off_stack) const noexcept {
        (::new (static_cast<void*>(case_.waiter)) waiter(key, case_.slot))->off_stack = off_stack;
    }
    void enqueue_locked() const noexcept { case_.on->enqueue_locked(on_side(), made()); }
    void withdraw_locked() const noexcept { case_.on->withdraw_locked(on_side(), made()); }

    // [select.claim] Takes the outcome from the waiter after the wait. Returns true if another agent has
    // claimed the waiter and has performed the case.
    [[nodiscard]] bool take_outcome() const noexcept {
        case_.outcome = made().outcome;
        return case_.outcome != op_status::timeout;
    }

private:
    static_assert(sizeof(waiter) <= select_case::waiter_size && std::is_trivially_destructible_v<waiter>);

    [[nodiscard]] waiter& made() const noexcept {
        return *std::launder(reinterpret_cast<waiter*>(case_.waiter));
    }

    select_case& case_;
};

} // namespace fiber::detail
