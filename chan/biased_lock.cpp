// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// biased_lock.cpp: the slow path of a channel's lock: the spin word, revocations, and new owners.
#include "chan/biased_lock.hpp"

#include "runtime/base/atomics/backoff.hpp"
#include "runtime/base/platform/clock.hpp"
#include "runtime/park.hpp"
#include "runtime/spin_hint.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>

namespace fiber::detail {
namespace {

constexpr std::uint8_t max_streak_log2 = 15; // lock_state::streak has 16 bits

// The shortest streak that makes an owner, with several processors. The exchanges that it saves cost about
// the same as the heavy fence that revokes the bias, so the price of the lock doubles at worst. Each
// revocation doubles the streak. perf/run --rivals, ping_pong, pipe, many_to_many
constexpr std::uint8_t min_streak_log2_shared = 12;

// [bias.rate] A heavy fence interrupts every CPU of the process. Each owner causes about one heavy fence at
// most before it can become owner again. The process limits the rate of owners by a token bucket: a token
// arrives in each interval, and the bucket holds the tokens of one burst.
constexpr auto owner_interval = std::chrono::milliseconds(2);
constexpr auto owner_burst = std::chrono::seconds(1);

// All tokens that have arrived until this time are used.
constinit std::atomic<rt::clock::rep> tokens_used_until{0};

// Takes a token from the bucket. Returns false if there is none, or if another thread has just taken it.
[[nodiscard]] bool take_owner_token() noexcept {
    auto const now = rt::clock::now().time_since_epoch();
    auto seen = tokens_used_until.load(std::memory_order_relaxed); // relaxed: a count, it publishes nothing
    auto const until = std::max(rt::clock::duration(seen), now - owner_burst) + owner_interval;
    return until <= now &&
           tokens_used_until.compare_exchange_strong(seen, until.count(), std::memory_order_relaxed);
}

// Returns true if a new owner is worth its later revocation. With one processor only OS threads revoke.
[[nodiscard]] bool may_be_owner(std::uint8_t& streak_log2) noexcept {
    if (!rt::spinning_may_help())
        return true;
    if (streak_log2 < min_streak_log2_shared) {
        streak_log2 = min_streak_log2_shared;
        return false;
    }
    return take_owner_token();
}

} // namespace

[[gnu::noinline]] rt::guarded_data biased_lock::lock_word(lock_state& s, std::uintptr_t me) noexcept {
    auto const data = rt::spin_word<rank>(s.word).lock();
    if (has_owner(s)) [[unlikely]] // changes only under the word
        revoke(s, data, me);
    auto const part = static_cast<std::uint32_t>(me >> 6);
    if (s.last != part) { // if two threads have the same part, an owner only comes too early
        s.last = part;
        s.streak = 0;
    } else if (++s.streak >> s.streak_log2 != 0) [[unlikely]] {
        try_bias(s, me);
    }
    return data;
}

// Revokes the bias: waits until the owner has left, and marks that there is no owner. The caller holds the
// word, and may be the owner.
[[gnu::cold, gnu::noinline]] void biased_lock::revoke(lock_state& s, rt::guarded_data data,
                                                      std::uintptr_t me) noexcept {
    auto const owner = s.owner.load(std::memory_order_relaxed);
    if (owner != me) {
        rt::heavy_fence(); // [bias] A2
        if (data != rt::guarded_data::ours && s.held.load(std::memory_order_relaxed))
            rt::guarded_data_torn(); // [fork] the owner held the lock, and exists only in the parent
        rt::spin_until([&s] { return !s.held.load(std::memory_order_acquire); }); // [bias] A3
    }
    // [bias] A4; relaxed: the release of the word publishes it.
    s.owner.store(owner | lock_state::no_owner, std::memory_order_relaxed);
    s.streak = 0;
    if (s.streak_log2 < max_streak_log2)
        ++s.streak_log2;
}

// Makes the caller the owner, if it may be. The caller holds the word. It gives the word back, and holds the
// lock as the owner from then on. [bias] The next thread that locks the word sees this, and waits.
[[gnu::cold, gnu::noinline]] void biased_lock::try_bias(lock_state& s, std::uintptr_t me) noexcept {
    s.streak = 0;
    auto const before = s.owner.load(std::memory_order_relaxed) & ~lock_state::no_owner;
    if (me == 0 || (before != 0 && before != me)) // [bias.one]
        return;
    if (rt::light_fences_are_full() || !rt::self().is_fiber() || !may_be_owner(s.streak_log2))
        return;
    s.held.store(true, std::memory_order_relaxed);
    s.owner.store(me, std::memory_order_relaxed);
    s.word.store(rt::spin_word_value::unlocked_value(), std::memory_order_release); // [bias]
}

} // namespace fiber::detail
