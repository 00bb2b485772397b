// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select_case.hpp: what the untyped select knows of a case. Installed, not API.
#pragma once

#include <fiber/detail/channel.hpp>
#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <utility>

namespace fiber::detail {

class select_op;
struct select_case;

// A stop token as a case. While a select waits, a callback is registered with it, which claims the wait and
// wakes, and never parks: libstdc++ tells the thread that requests the stop by its OS thread's id, and to
// take the callback back must not depend on which thread that is by now.
struct stop_listener {
    struct wake {
        stop_listener* listener;
        FIBER_API void operator()() const noexcept;
    };
    explicit stop_listener(std::stop_token t) noexcept : token(std::move(t)) {}

    std::stop_token token;
    std::optional<std::stop_callback<wake>> callback; // while a select waits
    select_op* op = nullptr;
    select_case* stopped_case = nullptr;
};

// Made afresh for each select, or used again after it. What an operation needs stands in the typed case.
struct select_case {
    enum class kind : std::uint8_t { off, recv, send, timeout, time_point, stop };

    select_case() noexcept {}
    // element: room for what is received, or the value to be sent. A null channel is never ready.
    select_case(kind k, channel* c, void* element) noexcept
        : what(c == nullptr ? kind::off : k), on(c), slot(element) {}
    explicit select_case(std::chrono::steady_clock::duration d) noexcept : what(kind::timeout), timeout(d) {}
    explicit select_case(deadline when) noexcept : what(kind::time_point), until(when) {}
    explicit select_case(stop_listener& l) noexcept : what(kind::stop), listener(&l) {}

    kind what = kind::off;
    op_status outcome = op_status::timeout; // success or closed: what became of the operation that was chosen
    union {
        channel* on;
        std::chrono::steady_clock::duration timeout;
        deadline until;
        stop_listener* listener;
    };
    void* slot = nullptr;

    static constexpr std::size_t waiter_size = 56;
    alignas(void*) std::byte waiter[waiter_size]; // while it stands in the channel's queue
};

[[nodiscard]] inline bool names_channel(select_case const& c) noexcept {
    return c.what == select_case::kind::recv || c.what == select_case::kind::send;
}

enum class may_wait : bool { no, yes };

// Waits until a case is ready, and has it done: its position. `count`: none is, and the caller may not wait.
// `order` is scratch, one pointer for each case. Cases in the order of their channels' addresses need no sorting.
[[nodiscard]] FIBER_API std::size_t select(select_case* cases, std::size_t count, select_case** order,
                                           may_wait) noexcept;

[[noreturn]] FIBER_API void throw_closed_in_select();

} // namespace fiber::detail
