// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stride_prefetcher.hpp: prefetches the stacks of fibers that wake each other one at a time. Such
// fibers are in no queue in which the next ones could be seen.
//
// Fibers that were started in a row often wait for each other in that order. Slabs carve stacks 16 at a
// time, always in the same order. Therefore the distance to the stack 16 wake-ups ahead usually equals
// the distance from the stack 16 wake-ups back.
// The prefetcher is active only while most guesses are right: each wrong guess costs a TLB miss for
// nothing. perf/run --curve, ring
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
    // Records that g was woken. The caller must own g.
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
        std::uintptr_t record; // address of the stack's record, above all frames
        std::uintptr_t depth;  // bytes of its frames
        std::uintptr_t stride; // distance from the record of 16 wake-ups before
        [[nodiscard]] std::uintptr_t next() const noexcept { return record + stride; }
    };

    static void prefetch(std::uintptr_t at) noexcept {
        __builtin_prefetch(reinterpret_cast<void const*>(at));
    }

    // Prefetches for 16 fibers at once, so that the CPU serves several TLB misses at a time.
    [[gnu::noinline]] void end_round() noexcept {
        constexpr std::size_t enough = 12;
        constexpr std::uintptr_t max_bytes = 10 * cache_line;
        asm volatile(""); // as in queue_prefetcher::prefetch_next
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
    std::size_t matches_ = 0; // right guesses in this round
};

} // namespace fiber::rt
