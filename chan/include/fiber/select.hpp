// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select.hpp: Go's select: one of several channel operations, time limits and stop requests, whichever is
// ready first.
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
// A channel is a chan<T>, or the half of it that can do the operation. Given as an lvalue, that handle must live
// until select returns, also if another case is chosen; a temporary is taken along. A null channel's case is never ready, which is how to switch a
// case off. Callables are copied or moved into the case.

// Receives: f(std::optional<T>), without a value if the channel is closed and drained, which is always ready.
template <class Channel, class F>
requires detail::receives<Channel>
[[nodiscard]] auto on_recv(Channel&& from, F&& f) {
    using value = detail::value_in<Channel>;
    return detail::recv_case<value, std::decay_t<F>>(detail::refer_to(std::forward<Channel>(from)),
                                                     std::forward<F>(f));
}

// Sends: f(). A closed channel is always ready: select then throws closed_channel and does not call f. The
// value is moved from the case when the case is chosen; else it stays there.
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

// When nothing else has become ready for that long: f(). Zero and less: when nothing else is ready now.
template <class Rep, class Period, class F>
[[nodiscard]] auto on_timeout(std::chrono::duration<Rep, Period> const& d, F&& f) {
    return detail::timeout_case<std::decay_t<F>>(detail::steady_duration(d), std::forward<F>(f));
}

// From that time on: f(). Once it has come, the case is as ready as any other.
template <class Clock, class Duration, class F>
[[nodiscard]] auto on_deadline(std::chrono::time_point<Clock, Duration> const& when, F&& f) {
    return detail::deadline_case<std::chrono::time_point<Clock, Duration>, std::decay_t<F>>(
        when, std::forward<F>(f));
}

// Once a stop has been requested: f(). Without a stop source that could do so, never.
template <class F>
[[nodiscard]] auto on_stop(std::stop_token token, F&& f) {
    return detail::stop_case<std::decay_t<F>>(std::move(token), std::forward<F>(f));
}

// When nothing else is ready: f(). So a select with it never blocks. At most one.
template <class F>
[[nodiscard]] auto otherwise(F&& f) {
    return detail::otherwise_case<std::decay_t<F>>(std::forward<F>(f));
}

// ── select ──

// Blocks the calling fiber or OS thread until one of the cases is ready, does what it says, and then calls its
// callable, in the caller; of several that are ready it chooses one uniformly at random. Returns the position
// of that case, from 0. All other cases have had no effect: nothing was received, no value has been moved.
// The same channel may be named any number of times; a select never sends to itself. Without a case that can
// ever be ready it blocks for ever.
//
// Allocates nothing, but for a box as in chan<T>::send. Throws closed_channel: see on_send; what T's move
// throws: that value is lost; and what the callable throws.
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

// The same, but returns what the callable returns, as the common type of all of them.
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

// Go's reflect.Select: a select whose cases are known only at run time, thousands of them if need be, and which is
// waited for again and again. Cases have positions in the order of their adding. It keeps the handles of its
// channels. Used by one party at a time. A callable may do anything with its own selector: add and remove
// cases, wait for it again, which may call the same callable, assign to it, and destroy it.
class selector {
public:
    selector() noexcept = default;
    selector(selector&&) noexcept = default;
    selector& operator=(selector&&) noexcept = default;

    // Add a case, see on_recv and the others, and return its position. A value is sent once, or turned away once by a
    // closed channel: then its case is never ready again. Throw std::bad_alloc, and what moving value or callable
    // throws; then nothing has been added.
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

    // The case at this position is never ready again; the others keep theirs. Throws std::out_of_range.
    void remove(std::size_t position) {
        entry_ptr const removed = std::move(entries_.at(position)); // its destructor may use this selector
        if (removed)
            cases_[removed->index] = {};
    }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); } // those removed included

    // As select: blocks, for ever if no case can be ready, and returns the position of the case that has run. Allocates
    // nothing, and throws what select does.
    std::size_t wait() {
        for (;;) {
            std::size_t const at = choose(detail::may_wait::yes);
            entry& e = entry_of_case(at);
            if (e.is_due())
                return run(at);
            cases_[at] = e.make(); // its clock has been set back
        }
    }
    // Runs one case if one is ready, and returns true if it has.
    bool try_wait() {
        std::size_t const none = size();
        std::size_t at;
        bool passed_over = false;
        while ((at = choose(detail::may_wait::no)) != none && !entry_of_case(at).is_due()) {
            cases_[at] = {}; // due by the steady clock, but not by its own: it must not hide what is ready
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
        std::size_t index = 0;         // of its case
        repeats again = repeats::yes;
        unsigned references = 1; // the selector, and each run of its callable
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

    // Keeps an entry that removes itself. Not atomic: a selector is used by one party at a time.
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

    // The index of a case; size(): there is none.
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
    // Returns its position. The callable may do anything to *this.
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

    std::vector<entry_ptr> entries_;          // by position; null: never ready again
    std::vector<detail::select_case> cases_;  // by the addresses of their channels
    std::vector<std::size_t> positions_;      // of the cases
    std::vector<detail::select_case*> order_; // for select
    bool sorted_ = true;
};

} // namespace fiber
