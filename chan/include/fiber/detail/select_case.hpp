// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select_case.hpp: a case of the untyped select. Installed, not API.
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

// A stop token as a case. While a select waits, a callback is registered with the token. The callback claims
// the wait and wakes the select. The callback must not park: libstdc++ identifies the requester of a stop by
// its OS thread, and a fiber may run on another OS thread after a park. The removal of the callback must not
// depend on that.
struct stop_listener {
    struct wake {
        stop_listener* listener;
        FIBER_API void operator()() const noexcept;
    };
    explicit stop_listener(std::stop_token t) noexcept : token(std::move(t)) {}

    std::stop_token token;
    std::optional<std::stop_callback<wake>> callback; // has a value while a select waits
    select_op* op = nullptr;
    select_case* stopped_case = nullptr;
};

// One case. It may be used for several selects, one after the other. The typed case has the value or the
// memory for one.
struct select_case {
    enum class kind : std::uint8_t { off, recv, send, timeout, time_point, stop };

    select_case() noexcept {}
    // `element` points at the memory for the received value, or at the value to send. A null channel is never
    // ready.
    select_case(kind k, channel* c, void* element) noexcept
        : what(c == nullptr ? kind::off : k), on(c), slot(element) {}
    explicit select_case(std::chrono::steady_clock::duration d) noexcept : what(kind::timeout), timeout(d) {}
    explicit select_case(deadline when) noexcept : what(kind::time_point), until(when) {}
    explicit select_case(stop_listener& l) noexcept : what(kind::stop), listener(&l) {}

    kind what = kind::off;
    op_status outcome = op_status::timeout; // success or closed, if this case was chosen and names a channel
    union {
        channel* on;
        std::chrono::steady_clock::duration timeout;
        deadline until;
        stop_listener* listener;
    };
    void* slot = nullptr;

    static constexpr std::size_t waiter_size = 56;
    alignas(void*) std::byte waiter[waiter_size]; // storage for the waiter in the channel's queue
};

[[nodiscard]] inline bool names_channel(select_case const& c) noexcept {
    return c.what == select_case::kind::recv || c.what == select_case::kind::send;
}

enum class may_wait : bool { no, yes };

// Blocks until a case is ready, performs it, and returns its position. Returns `count` if no case is ready
// and the caller may not wait. `order` is scratch memory, one pointer for each case. Cases in the order of
// their channels' addresses need no sorting.
[[nodiscard]] FIBER_API std::size_t select(select_case* cases, std::size_t count, select_case** order,
                                           may_wait) noexcept;

[[noreturn]] FIBER_API void throw_closed_in_select();

} // namespace fiber::detail
