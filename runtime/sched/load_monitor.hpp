// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// load_monitor.hpp: whether a processor gets through the fibers that wait in it, or others had better run some of them.
//
// To run a fiber elsewhere costs some microseconds: a machine is woken, or found searching; the lines of the record, of the
// stack and of all that the fiber shares with those it leaves go to another core, and often come back. Three fibers that
// pass values to each other in 50 ns do so several times faster on one processor than on two. So fibers are given away only
// where they would have waited longer than that:
//   many wait;
//   or some do, and the queue has not once been empty between two looks;
//   or it has, but with so few switches that the next ones will wait for long.
#pragma once

#include "runtime/base/clock.hpp"
#include "runtime/base/counters.hpp"
#include "runtime/base/relaxed.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace fiber::rt {

class load_monitor {
public:
    // ── by the owner of the processor ──
    counter ticks; // switches to fibers so far: its change shows others that the processor moves on
    void queue_is_empty() noexcept { ++emptied_; }
    // [idle.next] Whether somebody has just seen that it keeps up: then no one is woken for a fiber more or less.
    [[nodiscard]] bool is_responsive() const noexcept { return ticks.own_value() < responsive_until_; }

    // ── by anyone ──
    struct snapshot {
        std::uint64_t ticks = 0;
        std::uint64_t emptied = 0;
        clock::time_point at{};
    };
    [[nodiscard]] snapshot sample(clock::time_point now) const noexcept {
        return {ticks.read(), emptied_.read(), now};
    }
    [[nodiscard]] static bool is_many(std::size_t waiting) noexcept { return waiting >= many; }
    [[nodiscard]] bool falls_behind(snapshot const& last, std::size_t queued,
                                    clock::time_point now) const noexcept {
        if (queued == 0)
            return false;
        if (is_many(queued) || emptied_.read() == last.emptied)
            return true;
        auto const a_run = (now - last.at) / static_cast<std::int64_t>(ticks.read() - last.ticks + 1);
        return a_run * static_cast<std::int64_t>(queued) >= worth_moving;
    }
    void mark_responsive() noexcept { responsive_until_ = ticks.read() + responsive_ticks; }

private:
    static constexpr std::size_t many = 32;
    static constexpr auto worth_moving = std::chrono::microseconds(2);
    static constexpr std::uint64_t responsive_ticks = 4096; // ticks

    counter emptied_; // how often the last one that waited was taken out
    relaxed<std::uint64_t> responsive_until_{0};
};

} // namespace fiber::rt
