// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// load_monitor.hpp: tells whether a processor keeps up with its waiting fibers, or others should run some.
//
// To run a fiber on another processor costs some microseconds. A machine is woken, or found searching. The
// cache lines of the record, of the stack, and of the data shared with other fibers go to another core, and
// often come back. A few fibers that pass values to each other run several times faster on one processor
// than on two. Therefore fibers are given away only if they would have waited longer than that:
//   many fibers wait;
//   or some wait, and the queue has not been empty once between two checks;
//   or it has been empty, but there are so few switches that the next fibers will wait for long.
// perf/run --rivals, the rows of channels on two processors
#pragma once

#include "runtime/base/atomics/counters.hpp"
#include "runtime/base/atomics/relaxed.hpp"
#include "runtime/base/platform/clock.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace fiber::rt {

class load_monitor {
public:
    // ── called by the processor's owner ──
    counter ticks; // the number of switches to fibers. While it changes, the processor makes progress
    void queue_is_empty() noexcept { ++emptied_; }
    // [idle.next] Returns true if the processor was recently seen to keep up. Then a fiber more wakes
    // nobody.
    [[nodiscard]] bool is_responsive() const noexcept { return ticks.own_value() < responsive_until_; }

    // ── called by any thread ──
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

    counter emptied_; // how often the last waiting fiber was taken out
    relaxed<std::uint64_t> responsive_until_{0};
};

} // namespace fiber::rt
