// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select.cpp: performs one ready case of several, or waits for the first one. The steps are Go's:
//
//   try_ready         Check every case without locks. Choose one of the cases that look ready, and try it
//                     under the lock of its channel.
//   lock_and_enqueue  Lock all channels, in the order of their addresses, and check that no case is ready.
//                     Put a waiter for each case into its queue, all with one contested ticket.
//   perform_now       If a case is ready after all, or if the select may not wait: lock all channels, choose
//                     one of the ready cases, and perform it.
//   park              Unlock all channels, and wait until another agent has claimed the ticket.
//   withdraw_others   Remove the waiters that were not claimed from their queues.
//
// lock_and_enqueue and perform_now find all channels in one moment. This has two effects:
//   - `otherwise` runs only if no case was ready at that moment.
//   - An agent that makes a case ready later meets a waiter. Two selects that could serve each other never
//     both park.
//
// [select.self] A select looks for partners only before its own waiters are in the queues. Therefore a
//   select that sends and receives on the same channel never meets itself.
// [select.claim] The slot and the outcome of a waiter belong to the agent that claims the ticket: one
//   partner, one close, the timer, or one stop request. The claimer writes before it marks the wait as
//   woken, and the select reads after that. Therefore at most one waiter has an outcome. The value of a
//   send case is moved by the partner that has claimed its waiter, and by no other agent.
// [select.off_stack] If only the channels can end the wait, the commit function releases their locks. An
//   agent that claims the ticket then finds the select parked, which saves two atomic operations. The
//   commit function reads all channels before it unlocks the first: after that the select may run and
//   return.
// [select.same] Of several waiters of one select in one queue, a partner meets only the first. Therefore
//   one of the cases for the same side of a channel, chosen at random, is put into the queue. The waiters
//   of the others are in no queue.
// [select.destruction] After the wake the select does not touch the channel of the performed case: the last
//   handle of that channel may be gone. The channels of all other cases must live until select has returned.
#include "chan/select_case_ref.hpp"
#include "chan/select_random.hpp"
#include "runtime/base/platform/clock.hpp"
#include "runtime/base/process/assert.hpp"
#include "runtime/park.hpp"

#include <fiber/detail/select_case.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>

namespace fiber::detail {
namespace {

using case_ref = channel::select_case_ref;
using kind = select_case::kind;

constexpr std::size_t max_plain_channels = 8; // unlock_off_stack() copies their addresses to its stack

enum class unlocks : bool { before_park, off_stack }; // where the locks are released: [select.off_stack]

// What try_ready() has found, small enough for registers. select() tail-calls the function that does the
// rest, which then returns directly to the caller of select(): see FIBER_PARKS.
struct ready_summary {
    select_case** order_end = nullptr; // the end of the cases that name channels
    bool in_order = true;              // these are in the order of the channels' addresses
    bool has_timed_or_stop = false;
};

std::size_t position(select_case const* c, select_case const* cases) noexcept {
    return static_cast<std::size_t>(c - cases);
}

// Unlocks the channels of the cases, each once. The cases of one channel are neighbours.
void unlock_each(select_case* const* at, select_case* const* end) noexcept {
    channel const* last = nullptr;
    for (; at != end; ++at)
        if (channel* const on = (*at)->on; on != last) {
            last = on;
            on->unlock(); // *on may be destroyed here
        }
}

// Runs the first step, without locks. Returns the case that it has performed, or null.
[[gnu::always_inline]] inline select_case* try_ready(select_case* cases, select_case* end,
                                                     select_case** order, ready_summary& seen) noexcept {
    choice ready;
    channel const* last = nullptr;
    for (select_case* c = cases; c != end; ++c) {
        if (names_channel(*c)) {
            seen.in_order &= !std::less<>{}(c->on, last);
            last = c->on;
            *order++ = c;
            if (case_ref(*c).looks_ready())
                ready.offer(*c);
        } else {
            seen.has_timed_or_stop |= c->what != kind::off;
            if (is_due(*c))
                ready.offer(*c);
        }
    }
    seen.order_end = order;
    select_case* const c = ready.chosen();
    if (c == nullptr || !names_channel(*c))
        return c;
    c->on->lock();
    return case_ref(*c).perform_locked([on = c->on] { on->unlock(); }) ? c : nullptr;
}

} // namespace

// The steps that lock all channels, and the state of the wait.
class select_op {
public:
    select_op(select_case* cases, std::size_t count, select_case** order, ready_summary seen) noexcept
        : cases_(cases), end_(cases + count), order_(order), order_end_(seen.order_end),
          has_timed_or_stop_(seen.has_timed_or_stop) {
        if (!seen.in_order)
            std::sort(order_, order_end_,
                      [](select_case* a, select_case* b) { return std::less<>{}(a->on, b->on); });
    }

    // Locks every channel, checks its cases, and enqueues them. Returns true with all channels locked.
    // Returns false if a case is ready: no channel is locked then, and no waiter is in a queue.
    // [select.self] After this step the select does not look for partners.
    [[nodiscard, gnu::always_inline]] bool lock_and_enqueue(unlocks when) noexcept {
        key_ = rt::self().open_wait();
        for (select_case** at = order_; at != order_end_;) {
            select_case** const next = enqueue_channel(at, when);
            if (next == at) [[unlikely]] {
                for (select_case** enqueued = order_; enqueued != at; ++enqueued)
                    case_ref(**enqueued).withdraw_locked();
                unlock_each(order_, at + 1);
                return false;
            }
            at = next;
        }
        return true;
    }

    // Locks all channels, and performs one of the ready cases. Returns this case, or null if no case was
    // ready at one moment. Holds no lock when it returns.
    [[nodiscard]] select_case* perform_now() const noexcept {
        auto const unlock = [this] { unlock_all(); };
        while (select_case* const c = lock_and_choose())
            if (!names_channel(*c)) {
                unlock();
                return c;
            } else if (case_ref(*c).perform_locked(unlock)) {
                return c;
            }
        unlock();
        return nullptr;
    }

    void unlock_all() const noexcept { unlock_each(order_, order_end_); }

    // [select.off_stack] Unlocks all channels, as the commit function.
    void unlock_off_stack() const noexcept {
        channel* all[max_plain_channels];
        auto const n = static_cast<std::size_t>(order_end_ - order_);
        for (std::size_t i = 0; i < n; ++i)
            all[i] = order_[i]->on;
        for (std::size_t i = 0; i < n; ++i)
            if (i == 0 || all[i] != all[i - 1])
                all[i]->unlock(); // *this may be destroyed here
    }

    // Removes all waiters from their queues, except the one that another agent has claimed. Returns the case
    // of that waiter, or null if the timer or a stop request has claimed the ticket.
    [[nodiscard, gnu::always_inline]] select_case* withdraw_others() const noexcept {
        select_case* done = nullptr;
        for (select_case** at = order_; at != order_end_; ++at) {
            if (case_ref(**at).take_outcome()) {
                done = *at; // [select.destruction]
                continue;
            }
            channel& on = *(*at)->on;
            on.lock();
            case_ref(**at).withdraw_locked();
            on.unlock();
        }
        return done;
    }

    struct timed_case {
        select_case* which;
        deadline when;
    };
    // Returns the timed case with the earliest deadline. A time-out counts from now.
    [[nodiscard]] timed_case earliest_deadline() const noexcept {
        timed_case first{nullptr, never};
        for (select_case* c = cases_; c != end_; ++c) {
            if (c->what != kind::timeout && c->what != kind::time_point)
                continue;
            deadline const when = c->what == kind::time_point ? c->until : deadline_after(c->timeout);
            if (when < first.when)
                first = {c, when};
        }
        return first;
    }

    // Registers the stop callbacks.
    void listen() noexcept {
        for (select_case* c = cases_; c != end_; ++c)
            if (c->what == kind::stop) {
                stop_listener& l = *c->listener;
                l.op = this;
                l.stopped_case = c;
                l.callback.emplace(l.token, stop_listener::wake{&l}); // may call the callback at once
            }
    }
    // Removes the stop callbacks. Returns when none of them runs any more, on any thread.
    void stop_listening() noexcept {
        for (select_case* c = cases_; c != end_; ++c)
            if (c->what == kind::stop)
                c->listener->callback.reset();
    }
    // Ends the wait for a stop request. Called by the stop callback of the case.
    void stop(select_case& c) noexcept {
        if (!rt::agent::claim(key_)) // [select.claim]
            return;
        stopped_ = &c;
        rt::unpark(rt::ticket{key_}); // *this lives: stop_listening() waits for this callback
    }
    [[nodiscard]] select_case* stopped() const noexcept { return stopped_; }

    [[nodiscard]] rt::ticket key() const noexcept { return key_; }
    // Returns the object that a dump names as the reason of the wait.
    [[nodiscard]] void const* what() const noexcept { return order_ != order_end_ ? (*order_)->on : nullptr; }

private:
    // Locks the channel of `at`, and enqueues all cases that name it. Returns the end of these cases. Returns
    // `at` if one of them is ready: no waiter is in a queue of the channel then.
    [[gnu::always_inline]] select_case** enqueue_channel(select_case** at, unlocks when) const noexcept {
        case_ref const c(**at);
        channel* const on = (*at)->on;
        on->lock();
        if (at + 1 != order_end_ && at[1]->on == on) [[unlikely]]
            return enqueue_one_of_each_side(at, when);
        if (c.looks_ready()) [[unlikely]]
            return at;
        c.make_waiter(key_, when == unlocks::off_stack);
        c.enqueue_locked();
        return at + 1;
    }

    // [select.same] Enqueues the cases of a channel that several cases name, and that is locked. Returns what
    // enqueue_channel() returns.
    [[gnu::noinline]] select_case** enqueue_one_of_each_side(select_case** first,
                                                             unlocks when) const noexcept {
        choice chosen[2];
        select_case** at = first;
        for (; at != order_end_ && (*at)->on == (*first)->on; ++at) {
            case_ref const c(**at);
            if (c.looks_ready())
                return first;
            c.make_waiter(key_, when == unlocks::off_stack);
            chosen[c.on_side()].offer(**at);
        }
        for (choice const& of_side : chosen)
            if (select_case* const c = of_side.chosen())
                case_ref(*c).enqueue_locked();
        return at;
    }

    // Locks all channels, and chooses one of the ready cases, or null. A locked channel does not change, so
    // one check of each case is enough.
    [[gnu::always_inline]] select_case* lock_and_choose() const noexcept {
        choice ready;
        channel const* last = nullptr;
        for (select_case** at = order_; at != order_end_; ++at) {
            channel* const on = (*at)->on;
            if (on != last)
                on->lock();
            last = on;
            if (case_ref(**at).looks_ready())
                ready.offer(**at);
        }
        if (has_timed_or_stop_)
            for (select_case* c = cases_; c != end_; ++c)
                if (is_due(*c))
                    ready.offer(*c);
        return ready.chosen();
    }

    select_case* const cases_;
    select_case* const end_;
    select_case** const order_; // the cases that name channels, in the order of the channels' addresses
    select_case** const order_end_;
    bool const has_timed_or_stop_;
    rt::ticket key_;
    select_case* stopped_ = nullptr; // [select.claim] the case with the callback that has claimed the ticket
};

void stop_listener::wake::operator()() const noexcept { listener->op->stop(*listener->stopped_case); }

namespace {

// The rest of a select that may not wait: it has `otherwise`, or a time-out that is over at once.
std::size_t select_now(select_case* cases, std::size_t count, select_case** order,
                       ready_summary seen) noexcept {
    select_case* const end = cases + count;
    // With one channel and no timed or stop case, try_ready was conclusive: [chan.early]. With such a case it
    // was not: it may have chosen the channel instead of a case that was due.
    if (seen.order_end - order > 1 || seen.has_timed_or_stop) {
        select_op op(cases, count, order, seen);
        if (select_case const* const c = op.perform_now())
            return position(c, cases);
    }
    return position(seen.has_timed_or_stop ? std::find_if(cases, end, has_no_time) : end, cases);
}

// The rest of a select that only its channels can end, and that has only a few of them.
FIBER_PARKS std::size_t wait_plain(select_case* cases, std::size_t count, select_case** order,
                                   ready_summary seen) noexcept {
    select_op op(cases, count, order, seen);
    while (!op.lock_and_enqueue(unlocks::off_stack))
        if (select_case const* const c = op.perform_now())
            return position(c, cases);
    rt::park(rt::wait_reason::select, op.what(),
             [&op]() noexcept { op.unlock_off_stack(); }); // [select.off_stack]
    select_case const* const done = op.withdraw_others();
    FIBER_ASSERT(done != nullptr); // a wake without an outcome
    return position(done, cases);
}

// The rest of a select with a time limit, with a stop token, or with many channels. If a deadline passes or a
// stop is requested after try_ready(), the park ends at once.
FIBER_PARKS std::size_t wait_timed(select_case* cases, std::size_t count, select_case** order,
                                   ready_summary seen) noexcept {
    select_op op(cases, count, order, seen);
    while (!op.lock_and_enqueue(unlocks::before_park))
        if (select_case const* const c = op.perform_now())
            return position(c, cases);
    op.unlock_all();
    auto const until = op.earliest_deadline();
    op.listen();
    auto const end =
        rt::park_until(op.key(), until.when, rt::wait_reason::select, op.what(), []() noexcept {});
    op.stop_listening();
    select_case const* const done = op.withdraw_others();
    if (done != nullptr)
        return position(done, cases);
    return position(end == rt::wait_end::timed_out ? until.which : op.stopped(), cases);
}

} // namespace

std::size_t select(select_case* cases, std::size_t count, select_case** order, may_wait block) noexcept {
    ready_summary seen;
    if (select_case const* const c = try_ready(cases, cases + count, order, seen))
        return position(c, cases);
    if (block == may_wait::no || (seen.has_timed_or_stop && std::any_of(cases, cases + count, has_no_time)))
        [[unlikely]]
        return select_now(cases, count, order, seen);
    if (seen.has_timed_or_stop || seen.order_end - order > std::ptrdiff_t{max_plain_channels}) [[unlikely]]
        return wait_timed(cases, count, order, seen);
    return wait_plain(cases, count, order, seen);
}

void throw_closed_in_select() { throw closed_channel("fiber::select: send to a closed channel"); }

} // namespace fiber::detail
