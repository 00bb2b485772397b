// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select.cpp: one of several operations, in the order of Go's.
//
//   1 look at every case without locks, choose one of those that look ready, and try it under its own lock
//   2 lock all channels, by rising address; choose among those that are ready, and have it done
//   3 none: put a waiter for each case into its queue, all with one contested ticket; unlock; park
//   4 woken by the one who has claimed the ticket: take the other waiters out of their queues
//
// Step 2 and 3 are one moment for all channels: `otherwise` runs only if at that moment nothing was ready, and
//   whoever makes something ready later meets a waiter. Two selects cannot wait for each other in vain.
// [select.self] A select looks for partners before its own waiters are in the queues, and not after. So one that
//   sends and receives on the same channel never meets itself.
// [select.claim] A waiter's slot and outcome belong to whoever claims the ticket: one partner, one close, the timer, or one
//   stop request. That one writes before it settles the wait; this party reads after. So one waiter at most has an
//   outcome. A value that is to be sent is moved by the partner that has claimed its waiter, and no other.
// [select.off_stack] If nothing but the channels can end the wait, their locks are released by the commit function: who
//   claims it then finds the party parked, and two atomic operations are saved. The commit function reads what it has to
//   unlock before it unlocks anything, since after the first one the party may run, and go.
// [select.gone] The channel of the case that was done is not touched after the wake: its last handle may be gone,
//   unless it is named twice. The others must live until select has returned.
#include "chan/chance.hpp"
#include "chan/locked.hpp"
#include "runtime/base/assert.hpp"

#include <fiber/chan.hpp>
#include <fiber/detail/select_case.hpp>

#include <algorithm>
#include <functional>
#include <new>
#include <type_traits>

namespace fiber::detail {
namespace {

// Uniformly one of those offered, whose number need not be known before.
class choice {
public:
    void offer(select_case& c) noexcept {
        if (++offered_ == 1 || one_in(offered_))
            chosen_ = &c;
    }
    [[nodiscard]] select_case* chosen() const noexcept { return chosen_; }

private:
    std::uint32_t offered_ = 0;
    select_case* chosen_ = nullptr;
};

bool names_channel(select_case const& c) noexcept {
    return c.what == select_case::kind::recv || c.what == select_case::kind::send;
}

// What is due by itself, whatever the channels do. A time-out is none: it is a limit of this very wait.
bool due(select_case const& c) noexcept {
    if (c.what == select_case::kind::stop)
        return c.listener->token.stop_requested();
    return c.what == select_case::kind::time_point && c.until <= rt::clock::now();
}

bool over_at_once(select_case const& c) noexcept {
    return c.what == select_case::kind::timeout && c.patience <= rt::clock::duration::zero();
}

} // namespace

// What every select goes through is in line in one function: a call more is a return more that comes after a switch, and
// is foretold wrongly.
class selection {
public:
    selection(select_case* cases, std::size_t count, select_case** order) noexcept
        : cases_(cases), end_(cases + count), order_(order) {}

    [[nodiscard]] select_case* run(may_wait) noexcept;
    void stop(select_case&) noexcept; // by its callback

private:
    static constexpr std::size_t few = 8; // channels
    using waiter = channel::waiter;
    static_assert(sizeof(waiter) <= select_case::waiter_size && std::is_trivially_destructible_v<waiter>);

    static waiter& waiter_of(select_case& c) noexcept {
        return *std::launder(reinterpret_cast<waiter*>(c.waiter));
    }
    static channel::side side_of(select_case const& c) noexcept {
        return c.what == select_case::kind::recv ? channel::receivers : channel::senders;
    }

    static bool looks_ready(select_case const&) noexcept;
    static op_status perform_locked(select_case&, waiter*& partner) noexcept;
    static void complete(select_case&, element_ops const&, bool direct, waiter* partner) noexcept;
    static bool try_alone(select_case&) noexcept;
    [[nodiscard]] select_case* glance() noexcept;
    void sort_channels() noexcept;
    template <class Visit>
    void each_channel(Visit const&) const noexcept;
    [[nodiscard]] select_case* lock_and_choose() noexcept;
    [[nodiscard]] select_case* choose_locked() noexcept;
    void offer_due(choice& ready) const noexcept;
    [[nodiscard]] bool perform_or_stay_locked(select_case&) noexcept;
    [[nodiscard]] bool lock_and_enqueue() noexcept;
    static void enqueue_locked(select_case&, rt::ticket, bool off_stack) noexcept;
    void enqueue_all_locked(bool off_stack) noexcept;
    [[nodiscard]] select_case* run_within_limits(may_wait) noexcept;
    struct limit {
        select_case* whose;
        deadline when;
    };
    [[nodiscard]] limit first_limit() const noexcept;
    [[nodiscard]] select_case* wait_within_limits() noexcept;
    void unlock_few() const noexcept;
    [[nodiscard]] void const* what() const noexcept { return channels_ != 0 ? order_[0]->on : nullptr; }
    void listen() noexcept;
    void stop_listening() noexcept;
    [[nodiscard]] select_case* operation_done() noexcept;
    void withdraw_all_but(select_case const* done) noexcept;

    select_case* const cases_;
    select_case* const end_;
    select_case** const order_; // the cases that name channels, by the channels' addresses
    std::size_t channels_ = 0;  // their number
    rt::ticket key_;
    select_case* stopped_ = nullptr; // [select.claim] written by the callback that has won
    bool has_limits_ = false;        // of time, or stop tokens
    bool in_order_ = true;
};

// A guess without the lock: [chan.early]; under it, right but for waiters whose wait is over.
[[gnu::always_inline]] inline bool selection::looks_ready(select_case const& c) noexcept {
    if (c.what == select_case::kind::recv)
        return c.on->recv_obstacle() != op_status::empty;
    return channel::send_obstacle(c.on) != op_status::full;
}

[[gnu::always_inline]] inline op_status selection::perform_locked(select_case& c, waiter*& partner) noexcept {
    return c.what == select_case::kind::recv ? c.on->recv_locked(c.slot, partner)
                                             : c.on->send_locked(c.slot, partner);
}

// What is left when all locks are released. [chan.last] The channel may be gone.
[[gnu::always_inline]] inline void selection::complete(select_case& c, element_ops const& ops, bool direct,
                                                       waiter* partner) noexcept {
    if (partner == nullptr)
        return;
    if (c.what == select_case::kind::send)
        move_element(ops, partner->slot, c.slot);
    else if (direct)
        move_element(ops, c.slot, partner->slot);
    partner->wake(op_status::success);
}

[[gnu::always_inline]] inline bool selection::try_alone(select_case& c) noexcept {
    channel& on = *c.on;
    waiter* partner = nullptr;
    on.lock();
    c.outcome = perform_locked(c, partner);
    element_ops const& ops = *on.ops_;
    bool const direct = on.capacity_ == 0;
    on.unlock(); // [chan.last]
    complete(c, ops, direct, partner);
    return c.outcome == op_status::success || c.outcome == op_status::closed;
}

// Step 1.
[[gnu::always_inline]] inline select_case* selection::glance() noexcept {
    choice ready;
    std::size_t n = 0;
    channel const* last = nullptr;
    for (select_case *c = cases_, *const end = end_; c != end; ++c) {
        if (names_channel(*c)) {
            in_order_ &= !std::less<>{}(c->on, last);
            last = c->on;
            order_[n++] = c;
            if (looks_ready(*c))
                ready.offer(*c);
        } else {
            has_limits_ |= c->what != select_case::kind::off;
            if (due(*c))
                ready.offer(*c);
        }
    }
    channels_ = n;
    select_case* const c = ready.chosen();
    return c == nullptr || !names_channel(*c) || try_alone(*c) ? c : nullptr;
}

inline void selection::sort_channels() noexcept {
    if (!in_order_)
        std::sort(order_, order_ + channels_,
                  [](select_case* a, select_case* b) { return std::less<>{}(a->on, b->on); });
}

// Each of them once, by rising address, however often it is named.
template <class Visit>
void selection::each_channel(Visit const& visit) const noexcept {
    channel const* last = nullptr;
    for (std::size_t i = 0; i < channels_; ++i)
        if (order_[i]->on != last) {
            channel* const c = order_[i]->on;
            last = c;
            visit(*c); // which may be gone afterwards
        }
}

// Step 2. What has been locked does not change, so it is looked at once, on the way.
inline select_case* selection::lock_and_choose() noexcept {
    choice ready;
    channel const* last = nullptr;
    for (std::size_t i = 0; i < channels_; ++i) {
        select_case& c = *order_[i];
        if (c.on != last)
            c.on->lock();
        last = c.on;
        if (looks_ready(c))
            ready.offer(c);
    }
    offer_due(ready);
    return ready.chosen();
}

// Step 2 and 3 in one: all channels are locked then. False: one may be ready after all, and no waiter is in a queue. So it is,
// too, if it names a channel twice and has met itself: [select.self].
[[gnu::always_inline]] inline bool selection::lock_and_enqueue() noexcept {
    rt::ticket const key = rt::self().open_wait();
    channel const* last = nullptr;
    bool ready = false;
    for (select_case **at = order_, **const end = order_ + channels_; at != end; ++at) {
        select_case& c = **at;
        channel& on = *c.on;
        if (&on != last)
            on.lock();
        last = &on;
        ready |= looks_ready(c);
        enqueue_locked(c, key, true);
    }
    if (!ready) [[likely]]
        return true;
    for (std::size_t i = 0; i < channels_; ++i)
        order_[i]->on->withdraw_locked(side_of(*order_[i]), waiter_of(*order_[i]));
    return false;
}

select_case* selection::choose_locked() noexcept {
    choice ready;
    for (std::size_t i = 0; i < channels_; ++i)
        if (looks_ready(*order_[i]))
            ready.offer(*order_[i]);
    offer_due(ready);
    return ready.chosen();
}

void selection::offer_due(choice& ready) const noexcept {
    if (!has_limits_)
        return;
    for (select_case* c = cases_; c != end_; ++c)
        if (due(*c))
            ready.offer(*c);
}

// All channels are locked. True: the case has been done, and they are unlocked.
bool selection::perform_or_stay_locked(select_case& c) noexcept {
    if (!names_channel(c)) {
        each_channel([](channel& ch) { ch.unlock(); });
        return true;
    }
    waiter* partner = nullptr;
    c.outcome = perform_locked(c, partner);
    if (c.outcome == op_status::empty || c.outcome == op_status::full)
        return false; // those that waited there had given up; now they are out of the queue
    element_ops const& ops = *c.on->ops_;
    bool const direct = c.on->capacity_ == 0;
    each_channel([](channel& ch) { ch.unlock(); }); // [chan.last]
    complete(c, ops, direct, partner);
    return true;
}

// With its channel locked.
[[gnu::always_inline]] inline void selection::enqueue_locked(select_case& c, rt::ticket key,
                                                             bool off_stack) noexcept {
    auto& w = *::new (static_cast<void*>(c.waiter)) waiter(key, c.slot);
    w.off_stack = off_stack;
    c.on->enqueue_locked(side_of(c), w);
}

// [select.self] From here on it does not look for partners.
void selection::enqueue_all_locked(bool off_stack) noexcept {
    key_ = rt::self().open_wait();
    for (std::size_t i = 0; i < channels_; ++i)
        enqueue_locked(*order_[i], key_, off_stack);
}

[[gnu::always_inline]] inline select_case* selection::run(may_wait patience) noexcept {
    if (select_case* const c = glance())
        return c;
    if (has_limits_ || channels_ > few || patience == may_wait::no) [[unlikely]]
        return run_within_limits(patience);
    sort_channels();
    if (!lock_and_enqueue()) [[unlikely]] {
        while (select_case* const c = choose_locked())
            if (perform_or_stay_locked(*c))
                return c;
        enqueue_all_locked(true);
    }
    rt::park(rt::wait_reason::select, what(), [this]() noexcept { unlock_few(); }); // [select.off_stack]
    select_case* const done = operation_done();
    withdraw_all_but(done);
    return done;
}

// Or on more than a few channels.
select_case* selection::run_within_limits(may_wait patience) noexcept {
    // One channel that has nothing, seen without its lock, has had nothing at that moment: [chan.early]. What is due beside
    // it may have been passed over for it.
    bool const certain = channels_ <= 1 && !has_limits_ && patience == may_wait::no;
    if (!certain) {
        sort_channels();
        for (select_case* c = lock_and_choose(); c != nullptr; c = choose_locked())
            if (perform_or_stay_locked(*c))
                return c;
    }
    auto* const at_once = has_limits_ ? std::find_if(cases_, end_, over_at_once) : end_;
    bool const waits = at_once == end_ && patience == may_wait::yes;
    if (waits)
        enqueue_all_locked(false);
    if (!certain)
        each_channel([](channel& ch) { ch.unlock(); });
    if (!waits)
        return at_once != end_ ? at_once : nullptr;
    select_case* const done = wait_within_limits();
    withdraw_all_but(done);
    return done;
}

void selection::unlock_few() const noexcept {
    channel* all[few];
    std::size_t const n = channels_;
    for (std::size_t i = 0; i < n; ++i)
        all[i] = order_[i]->on;
    for (std::size_t i = 0; i < n; ++i)
        if (i == 0 || all[i] != all[i - 1])
            all[i]->unlock(); // *this may be gone
}

select_case* selection::wait_within_limits() noexcept {
    limit const until = first_limit();
    listen();
    auto const end = rt::park_until(key_, until.when, rt::wait_reason::select, what(), []() noexcept {});
    stop_listening();
    if (end == rt::wait_end::timed_out)
        return until.whose;
    return stopped_ != nullptr ? stopped_ : operation_done();
}

// The one whose time will be over first; a time-out counts from now.
selection::limit selection::first_limit() const noexcept {
    limit first{nullptr, never};
    for (select_case* c = cases_; c != end_; ++c) {
        if (c->what != select_case::kind::timeout && c->what != select_case::kind::time_point)
            continue;
        deadline const when =
            c->what == select_case::kind::time_point ? c->until : deadline_after(c->patience);
        if (when < first.when)
            first = {c, when};
    }
    return first;
}

void selection::listen() noexcept {
    for (select_case* c = cases_; c != end_; ++c)
        if (c->what == select_case::kind::stop) {
            stop_listener& l = *c->listener;
            l.waiting = this;
            l.place = c;
            l.callback.emplace(l.token, stop_listener::wake{&l}); // may call it at once
        }
}

// Returns when no callback runs any more, on whatever thread.
void selection::stop_listening() noexcept {
    for (select_case* c = cases_; c != end_; ++c)
        if (c->what == select_case::kind::stop)
            c->listener->callback.reset();
}

void selection::stop(select_case& c) noexcept {
    if (!rt::party::claim(key_)) // [select.claim]
        return;
    stopped_ = &c;
    rt::unpark(rt::ticket{key_}); // *this stays until stop_listening() has returned
}

[[gnu::always_inline]] inline select_case* selection::operation_done() noexcept {
    for (std::size_t i = 0; i < channels_; ++i) {
        select_case& c = *order_[i];
        c.outcome = waiter_of(c).outcome; // [select.claim]
        if (c.outcome != op_status::timeout)
            return &c;
    }
    FIBER_ASSERT(false); // woken by nobody
    return nullptr;
}

// The waiter of `done` was taken out by the one who has claimed it. [select.gone]
inline void selection::withdraw_all_but(select_case const* done) noexcept {
    for (std::size_t i = 0; i < channels_; ++i) {
        select_case& c = *order_[i];
        if (&c == done)
            continue;
        channel& on = *c.on;
        on.lock();
        on.withdraw_locked(side_of(c), waiter_of(c));
        on.unlock();
    }
}

void stop_listener::wake::operator()() const noexcept { whose->waiting->stop(*whose->place); }

std::size_t select(select_case* cases, std::size_t count, select_case** order, may_wait patience) noexcept {
    select_case const* const c = selection(cases, count, order).run(patience);
    return c != nullptr ? static_cast<std::size_t>(c - cases) : count;
}

void throw_closed_in_select() { throw closed_channel("fiber::select: send to a closed channel"); }

} // namespace fiber::detail
