// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select.hpp: Go's select: performs the first ready case of several channel operations, time limits and stop
// requests.
//
//   fiber::select(
//       fiber::on_recv(numbers, [&](std::optional<int> n) { if (n) sum += *n; else open = false; }),
//       fiber::on_send(replies, reply, [&] { ++sent; }),
//       fiber::on_timeout(1s, [&] { late = true; }));
#pragma once

#include <fiber/chan.hpp>
#include <fiber/detail/select_cases.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <vector>

namespace fiber {

// ── the cases ──
// A channel is a chan<T>, or the half of it that can do the operation. A handle that is passed as an lvalue
// must live until select returns, also if another case is chosen. A temporary is moved into the case. The
// case of a null channel is never ready: a null channel switches a case off. Callables are copied or moved
// into the case.

// Returns a case that receives, and calls f(std::optional<T>). A closed and drained channel is always ready:
// the argument is nullopt then.
template <class Channel, class F>
requires detail::receives<Channel>
[[nodiscard]] auto on_recv(Channel&& from, F&& f) {
    using value = detail::value_in<Channel>;
    return detail::recv_case<value, std::decay_t<F>>(detail::refer_to(std::forward<Channel>(from)),
                                                     std::forward<F>(f));
}

// Returns a case that sends, and calls f(). A closed channel is always ready: select throws closed_channel
// then, and does not call f. The value is moved out of the case only if the case is chosen.
template <class Channel, class F>
requires detail::sends<Channel>
[[nodiscard]] auto on_send(Channel&& to, detail::value_in<Channel> value, F&& f) {
    using element = detail::value_in<Channel>;
    return detail::send_case<element, std::decay_t<F>>(detail::refer_to(std::forward<Channel>(to)),
                                                       std::move(value), std::forward<F>(f));
}
template <class Channel, class F>
requires(detail::sends<Channel>&& std::is_same_v<detail::value_in<Channel>, unit>)
    [[nodiscard]] auto on_send(Channel&& to, F&& f) {
    return fiber::on_send(std::forward<Channel>(to), unit(), std::forward<F>(f));
}

// Returns a case that calls f() if no other case becomes ready for this duration. If the duration is zero or
// negative, it calls f() if no other case is ready now.
template <class Rep, class Period, class F>
[[nodiscard]] auto on_timeout(std::chrono::duration<Rep, Period> const& d, F&& f) {
    return detail::timeout_case<std::decay_t<F>>(detail::steady_duration(d), std::forward<F>(f));
}

// Returns a case that calls f(), and is ready from this point in time on, as any other ready case.
template <class Clock, class Duration, class F>
[[nodiscard]] auto on_deadline(std::chrono::time_point<Clock, Duration> const& when, F&& f) {
    return detail::deadline_case<std::chrono::time_point<Clock, Duration>, std::decay_t<F>>(
        when, std::forward<F>(f));
}

// Returns a case that calls f(), and is ready once a stop has been requested.
template <class F>
[[nodiscard]] auto on_stop(std::stop_token token, F&& f) {
    return detail::stop_case<std::decay_t<F>>(std::move(token), std::forward<F>(f));
}

// Returns a case that calls f() if no other case is ready: a select with it never blocks. At most one of the
// cases may be such.
template <class F>
[[nodiscard]] auto otherwise(F&& f) {
    return detail::otherwise_case<std::decay_t<F>>(std::forward<F>(f));
}

// ── select ──

// Blocks the calling fiber or OS thread until one of the cases is ready. Performs the case, and then
// calls its callable, in the caller. Chooses uniformly at random among several ready cases. Returns the
// position of the case, from 0. All other cases have no effect: they receive nothing and move no value.
// Several cases may name the same channel; a select never sends to itself. Blocks for ever if no case can
// become ready.
//
// Allocates nothing, except a box as in chan<T>::send. Throws closed_channel: see on_send. Throws what
// T's move throws: that value is lost. Throws what the callable throws.
template <class... Cases>
std::size_t select(Cases&&... cases) {
    std::size_t position = 0;
    detail::select_and_visit(
        [&](std::size_t chosen, auto& that, op_status status) {
            position = chosen;
            static_cast<void>(that.run(status));
        },
        cases...);
    return position;
}

// Selects as select does, and returns the result of the callable, as the common type of all callables'
// results.
template <class... Cases>
auto select_result(Cases&&... cases) {
    using result = std::common_type_t<decltype(cases.run(op_status::success))...>;
    if constexpr (std::is_void_v<result>) {
        fiber::select(cases...);
    } else {
        std::optional<result> value;
        detail::select_and_visit(
            [&](std::size_t, auto& that, op_status status) { value.emplace(that.run(status)); }, cases...);
        return result(std::move(value.operator*()));
    }
}

// Go's reflect.Select: a select with cases that are known only at run time, thousands if needed. It is
// used again and again. Positions count the cases in the order of their addition. The selector keeps the
// handles of its channels. One fiber or OS thread at a time may use it. A callable may do anything with
// its own selector: add and remove cases, wait again (which may call the same callable), assign to it,
// and destroy it.
class selector {
public:
    selector() noexcept = default;
    selector(selector&&) noexcept = default;
    selector& operator=(selector&&) noexcept = default;

    // Add a case, as on_recv and the functions beside it make it, and return its position. A value is
    // sent once, or refused once by a closed channel: after that its case is never ready. Throw
    // std::bad_alloc, and what moving the value or the callable throws: then nothing was added.
    template <class Channel, class F>
    requires detail::receives<Channel> std::size_t recv(Channel from, F&& f) {
        return add([&] { return fiber::on_recv(std::move(from), std::forward<F>(f)); }, repeats::yes);
    }
    template <class Channel, class F>
    requires detail::sends<Channel> std::size_t send(Channel to, detail::value_in<Channel> value, F&& f) {
        return add([&] { return fiber::on_send(std::move(to), std::move(value), std::forward<F>(f)); },
                   repeats::no);
    }
    template <class Rep, class Period, class F>
    std::size_t timeout(std::chrono::duration<Rep, Period> const& d, F&& f) {
        return add([&] { return fiber::on_timeout(d, std::forward<F>(f)); }, repeats::yes);
    }
    template <class Clock, class Duration, class F>
    std::size_t deadline(std::chrono::time_point<Clock, Duration> const& when, F&& f) {
        return add([&] { return fiber::on_deadline(when, std::forward<F>(f)); }, repeats::yes);
    }
    template <class F>
    std::size_t stop(std::stop_token token, F&& f) {
        return add([&] { return fiber::on_stop(std::move(token), std::forward<F>(f)); }, repeats::yes);
    }

    // Removes the case at this position: it is never ready again. The other cases keep their positions.
    // Throws std::out_of_range.
    void remove(std::size_t position) {
        entry_ptr const removed = std::move(entries_.at(position)); // its destructor may use this selector
        if (removed)
            cases_[removed->index] = {};
    }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); } // counts removed cases, too

    // Blocks as select does, for ever if no case can become ready. Returns the position of the case that has
    // run. Allocates nothing, and throws what select throws.
    std::size_t wait() {
        for (;;) {
            std::size_t const at = choose(detail::may_wait::yes);
            entry& e = entry_of_case(at);
            if (e.is_due())
                return run(at);
            cases_[at] = e.make(); // the clock of the case has been set back
        }
    }
    // Runs one case if one is ready. Returns true if a case has run. Never blocks.
    bool try_wait() {
        std::size_t const none = size();
        std::size_t at;
        bool passed_over = false;
        while ((at = choose(detail::may_wait::no)) != none && !entry_of_case(at).is_due()) {
            cases_[at] = {}; // due by the steady clock, not by its own: it must not hide ready cases
            passed_over = true;
        }
        if (passed_over)
            make_all();
        if (at == none)
            return false;
        run(at);
        return true;
    }

private:
    enum class repeats : bool { no, yes };

    struct entry {
        virtual ~entry() = default;
        virtual detail::select_case make() = 0;
        [[nodiscard]] virtual bool is_due() const = 0;
        virtual void run(op_status) = 0;

        detail::channel* on = nullptr; // null for a case without a channel
        std::size_t index = 0;         // in cases_
        repeats again = repeats::yes;
        unsigned references = 1; // one of the selector, and one of each running call of the callable
    };
    template <class Case>
    struct entry_of final : entry {
        template <class Make>
        explicit entry_of(Make const& made) : that(made()) {}
        detail::select_case make() override { return that.make(); }
        [[nodiscard]] bool is_due() const override { return that.is_due(); }
        void run(op_status status) override { static_cast<void>(that.run(status)); }
        Case that;
    };

    // Keeps an entry alive while its callable removes it. The count is not atomic: one fiber or OS thread
    // at a time uses a selector.
    class entry_ptr {
    public:
        entry_ptr() noexcept = default;
        explicit entry_ptr(entry* e) noexcept : entry_(e) {}
        entry_ptr(entry_ptr const& other) noexcept : entry_(other.entry_) {
            if (entry_ != nullptr)
                ++entry_->references;
        }
        entry_ptr(entry_ptr&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
        entry_ptr& operator=(entry_ptr other) noexcept {
            std::swap(entry_, other.entry_);
            return *this;
        }
        ~entry_ptr() {
            if (entry_ != nullptr && --entry_->references == 0)
                delete entry_;
        }
        entry* operator->() const noexcept { return entry_; }
        entry& operator*() const noexcept { return *entry_; }
        explicit operator bool() const noexcept { return entry_ != nullptr; }

    private:
        entry* entry_ = nullptr;
    };

    template <class Make>
    std::size_t add(Make const& made, repeats again) {
        std::size_t const position = size();
        entry_ptr fresh(new entry_of<decltype(made())>(made));
        fresh->again = again;
        fresh->index = position;
        auto const c = fresh->make();
        if (detail::names_channel(c))
            fresh->on = c.on;
        make_room(entries_);
        make_room(positions_);
        order_.resize(position + 1);
        cases_.push_back(c);
        positions_.push_back(position);
        entries_.push_back(std::move(fresh));
        sorted_ = false;
        return position;
    }
    template <class T>
    static void make_room(std::vector<T>& in) {
        if (in.size() == in.capacity())
            in.reserve(2 * in.size() + 1);
    }
    entry& entry_of_case(std::size_t at) const noexcept { return *entries_[positions_[at]]; }

    // Returns the index of the chosen case, or size() if there is none.
    std::size_t choose(detail::may_wait block) {
        if (!sorted_)
            sort();
        return detail::select(cases_.data(), size(), order_.data(), block);
    }
    void sort() {
        auto const channel_of = [this](std::size_t position) {
            return entries_[position] ? entries_[position]->on : nullptr;
        };
        std::sort(positions_.begin(), positions_.end(),
                  [&](std::size_t a, std::size_t b) { return std::less<>{}(channel_of(a), channel_of(b)); });
        make_all();
        sorted_ = true;
    }
    void make_all() {
        for (std::size_t at = 0; at < positions_.size(); ++at) {
            entry_ptr const& e = entries_[positions_[at]];
            if (e)
                e->index = at;
            cases_[at] = e ? e->make() : detail::select_case();
        }
    }
    // Calls the callable of the case at this index, and returns its position. The callable may destroy *this.
    std::size_t run(std::size_t at) {
        std::size_t const position = positions_[at];
        entry_ptr const that = entries_[position];
        auto const status = cases_[at].outcome;
        cases_[at] = {};
        if (that->again == repeats::yes)
            cases_[at] = that->make();
        else
            entries_[position] = {};
        that->run(status);
        return position;
    }

    std::vector<entry_ptr> entries_;          // by position; null if never ready again
    std::vector<detail::select_case> cases_;  // sorted by the addresses of their channels
    std::vector<std::size_t> positions_;      // the position of each element of cases_
    std::vector<detail::select_case*> order_; // scratch memory of select
    bool sorted_ = true;
};

} // namespace fiber
