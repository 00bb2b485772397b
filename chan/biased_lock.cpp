// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "chan/biased_lock.hpp"

#include "runtime/base/backoff.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/park.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>

namespace fiber::detail {
namespace {

constexpr std::uint8_t max_streak_log2 = 15; // a streak has 16 bits

// A streak among several processors saves about as much as the heavy fence costs that its end brings: the lock's price
// doubles at worst. Each further streak has to be twice as long. perf/run --rivals, ping_pong, pipe, many_to_many
constexpr std::uint8_t patience_among_processors = 12;

// [bias.rate] A heavy fence interrupts every CPU of the process. Each owner brings about one fence at most before it can become
// owner again, so owners are rationed: one in each interval, and those that a burst has left over.
constexpr auto owner_interval = std::chrono::milliseconds(2);
constexpr auto owner_burst = std::chrono::seconds(1);

constinit std::atomic<rt::clock::rep> rationed_until{0}; // when the rations that have been given are used up

// Returns true if the process can afford one more owner.
[[nodiscard]] bool take_ration() noexcept {
    auto const now = rt::clock::now().time_since_epoch();
    auto seen = rationed_until.load(std::memory_order_relaxed); // relaxed: a count, it publishes nothing
    auto const until = std::max(rt::clock::duration(seen), now - owner_burst) + owner_interval;
    // If it fails, another thread has taken that ration.
    return until <= now &&
           rationed_until.compare_exchange_strong(seen, until.count(), std::memory_order_relaxed);
}

// Returns true if an owner is worth what it costs to take the channel from it again. With one processor only OS threads do.
[[nodiscard]] bool may_be_owner(std::uint8_t& streak_log2) noexcept {
    if (!rt::spinning_may_help())
        return true;
    if (streak_log2 < patience_among_processors) {
        streak_log2 = patience_among_processors;
        return false;
    }
    return take_ration();
}

} // namespace

[[gnu::noinline]] rt::guarded_data biased_lock::lock_word(lock_state& s, std::uintptr_t me) noexcept {
    auto const data = rt::spin_word<rank>(s.word).lock();
    if (has_owner(s)) [[unlikely]] // under the word
        revoke(s, data, me);
    auto const part = static_cast<std::uint32_t>(me >> 6);
    if (s.last != part) { // threads that look alike only become owners too soon
        s.last = part;
        s.streak = 0;
    } else if (++s.streak >> s.streak_log2 != 0) [[unlikely]] {
        try_bias(s, me);
    }
    return data;
}

// With the word.
[[gnu::cold, gnu::noinline]] void biased_lock::revoke(lock_state& s, rt::guarded_data data,
                                                      std::uintptr_t me) noexcept {
    auto const owner = s.owner.load(std::memory_order_relaxed);
    if (owner != me) {
        rt::heavy_fence(); // [bias]
        if (data != rt::guarded_data::ours && s.held.load(std::memory_order_relaxed))
            rt::guarded_data_torn(); // [fork] the owner has stayed behind, and was in
        rt::spin_until([&s] { return !s.held.load(std::memory_order_acquire); }); // [bias]
    }
    s.owner.store(owner | lock_state::no_owner, std::memory_order_relaxed); // the word's release publishes it
    s.streak = 0;
    if (s.streak_log2 < max_streak_log2)
        ++s.streak_log2;
}

// With the word, which is given back: from here on this thread is in as the owner. [bias] Whoever takes the word next sees
// that, and waits.
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
