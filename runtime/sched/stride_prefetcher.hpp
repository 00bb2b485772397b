// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stride_prefetcher.hpp: fetches ahead the stacks of fibers that wake each other one at a time, and so stand in no queue where the
// next ones could be seen. Those that were started in a row often wait for each other in that row; and stacks come from a
// slab by the 16, in the same order each time. So the way from one to the 16th after it is the way from the 16th before.
// Done only while that has mostly been so: each wrong guess is an address to be translated in vain.
#pragma once

#include "runtime/sched/fiber.hpp"
#include "runtime/stack/stack.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace fiber::rt {

class stride_prefetcher {
public:
    // g has been woken, and is the caller's.
    void observe(fiber const& g) noexcept {
        stack const* const s = g.stack;
        if (s == nullptr)
            return;
        position& p = round_[observed_];
        auto const here = reinterpret_cast<std::uintptr_t>(s);
        auto const stride = here - p.record;
        matches_ += stride == p.stride ? 1 : 0;
        p = {here, here - reinterpret_cast<std::uintptr_t>(s->context.sp), stride};
        if (++observed_ == round_.size())
            end_round();
    }

private:
    struct position {
        std::uintptr_t record; // of the stack, above all frames
        std::uintptr_t depth;  // of the frames
        std::uintptr_t stride; // from the record 16 before
        [[nodiscard]] std::uintptr_t next() const noexcept { return record + stride; }
    };

    static void prefetch(std::uintptr_t at) noexcept {
        __builtin_prefetch(reinterpret_cast<void const*>(at));
    }

    // All at once, so that the CPU has several translations under way.
    [[gnu::noinline]] void end_round() noexcept {
        constexpr std::size_t enough = 12;
        constexpr std::uintptr_t max_bytes = 10 * cache_line;
        asm volatile(""); // as in fiber_list
        if (matches_ >= enough) {
            for (position const& p : round_)
                prefetch(p.next());
            for (position const& p : round_)
                for (std::uintptr_t i = 0; i < std::min(p.depth, max_bytes); i += cache_line)
                    prefetch(p.next() - p.depth + i);
        }
        observed_ = matches_ = 0;
    }

    std::array<position, 16> round_{};
    std::size_t observed_ = 0;
    std::size_t matches_ = 0; // in this round
};

} // namespace fiber::rt
