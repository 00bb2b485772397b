// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "chan/biased_lock.hpp"

#include "runtime/base/backoff.hpp"
#include "runtime/park.hpp"

namespace fiber::detail {
namespace {
constexpr std::uint8_t most_patience = 15; // a streak has 16 bits
} // namespace

[[gnu::noinline]] rt::guarded_data biased_lock::lock_word(lock_state& s, std::uintptr_t me) noexcept {
    auto const data = rt::spin_word<rank>(s.word).lock();
    if (has_owner(s)) [[unlikely]] // under the word
        revoke(s, data, me);
    auto const part = static_cast<std::uint32_t>(me >> 6);
    if (s.last != part) { // threads that look alike only become owners too soon
        s.last = part;
        s.streak = 0;
    } else if (++s.streak >> s.patience != 0) [[unlikely]] {
        consider(s, me);
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
    if (s.patience < most_patience)
        ++s.patience;
}

// With the word, which is given back: from here on this thread is in as the owner. [bias] Whoever takes the word next sees
// that, and waits.
[[gnu::cold, gnu::noinline]] void biased_lock::consider(lock_state& s, std::uintptr_t me) noexcept {
    s.streak = 0;
    auto const before = s.owner.load(std::memory_order_relaxed) & ~lock_state::no_owner;
    if (me == 0 || (before != 0 && before != me)) // [bias.one]
        return;
    if (rt::light_fences_are_full() || rt::spinning_may_help() || !rt::self().is_fiber())
        return;
    s.held.store(true, std::memory_order_relaxed);
    s.owner.store(me, std::memory_order_relaxed);
    s.word.store(rt::spin_word_value::free_here(), std::memory_order_release); // [bias]
}

} // namespace fiber::detail
