// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// spinlock.cpp: the slow path of a spinlock: waits, and detects data inherited by a fork.
#include "runtime/base/lock/spinlock.hpp"

#include "runtime/base/atomics/backoff.hpp"
#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/base/process/fatal.hpp"

namespace fiber::rt {
namespace {

// Pauses between two reads of the word. Each read takes the cache line from the holder, which may
// soon need the lock again. With longer gaps, the holder works undisturbed. Benchmark:
// many_to_many, pipe.
constexpr int min_gap = 32, max_gap = 64;

void spin_until_free(std::atomic<std::uint32_t> const& word) noexcept {
    for (backoff wait;; wait()) // after some microseconds, the holder has probably lost its CPU
        for (int gap = min_gap; gap <= max_gap; gap *= 2) {
            for (int i = 0; i < gap; ++i)
                cpu_relax();
            // relaxed: the caller's exchange takes the lock
            if ((word.load(std::memory_order_relaxed) & spin_word_value::locked) == 0)
                return;
        }
}

} // namespace

[[gnu::cold, gnu::noinline]] guarded_data spin_lock_slow(std::atomic<std::uint32_t>& word,
                                                         std::uint32_t was) noexcept {
    auto const free = spin_word_value::unlocked_value();
    auto const mine = free | spin_word_value::locked;
    while (was == mine) {
        spin_until_free(word);
        was = word.exchange(mine, std::memory_order_acquire); // [spin]
    }
    if (was == free)
        return guarded_data::ours;
    // [fork] Only one agent sees the value of the old process, and that agent has the lock.
    return (was & spin_word_value::locked) != 0 ? guarded_data::torn : guarded_data::inherited;
}

void guarded_data_torn() noexcept {
    fatal("an object is used in the child of a fork that another thread or fiber was about to change as the "
          "parent "
          "forked; such objects must be left alone there");
}

} // namespace fiber::rt
