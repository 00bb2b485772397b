// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stride_prefetcher.hpp: prefetches the stacks of fibers that wake each other one at a time. Such fibers are
// in no queue in which the next ones could be seen.
//
// The prefetcher is active only while most guesses are right: each wrong guess costs a TLB miss for nothing.
// perf/run --curve, ring
#pragma once

#include "runtime/base/platform/stack_order.hpp"
#include "runtime/base/platform/stride_predictor.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/stack/prefetch_frames.hpp"
#include "runtime/stack/stack.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace fiber::rt {

class stride_prefetcher {
public:
    // Records that g was woken. The caller must own g.
    void observe(fiber const& g) noexcept {
        stack const* const s = g.stack;
        if (s == nullptr)
            return;
        position& p = round_[predictor_.place()];
        auto const here = reinterpret_cast<std::uintptr_t>(s);
        matches_ += here == p.next ? 1 : 0;
        p = {predictor_.observe(here), here - reinterpret_cast<std::uintptr_t>(s->context.sp)};
        if (predictor_.place() == 0)
            end_round();
    }

private:
    struct position {
        std::uintptr_t next;  // guessed address of the record of the stack stack_period wake-ups later
        std::uintptr_t depth; // bytes of the frames below the record
    };

    // Prefetches for all fibers of a round at once, so that the CPU serves several TLB misses at a time.
    [[gnu::noinline]] void end_round() noexcept {
        constexpr std::size_t enough = 12;
        asm volatile(""); // as in queue_prefetcher::prefetch_next
        if (matches_ >= enough) {
            for (position const& p : round_)
                __builtin_prefetch(reinterpret_cast<void const*>(p.next));
            for (position const& p : round_)
                prefetch_frames(p.next - p.depth, p.next);
        }
        matches_ = 0;
    }

    stride_predictor predictor_;
    std::array<position, stack_period> round_{};
    std::size_t matches_ = 0; // right guesses in this round
};

} // namespace fiber::rt
