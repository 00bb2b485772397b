// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// biased_lock.hpp: a channel's lock: a spin word, which a thread that has been alone with it for long need not
// take. Two exchanges are half of what an item costs on its way through a buffer.
//   word    the spin word, as ever
//   owner   the OS thread that may do without; null: none. Changes under the word, while nobody is in
//   held    the owner is in, without the word
//
// [bias]    the owner                                 any other
//         1 held = true                             1 take the word
//         2 light fence                             2 owner is not null: heavy fence
//         3 word free, and still the owner: in      3 wait until held is false
//           else held = false, and as any other     4 owner = null: in
//         4 held = false, on the way out            5 word free, on the way out
//
//   One fence is first. The left: right.3 sees held. The right: left.3 sees that the word is taken, or free again and
//   then, read after it, that there is no owner any more. So never are both in.
//
// Only a fiber of a runtime with one processor is worth an owner: elsewhere others come soon, and each time the
// heavy fence costs what some thousand exchanges do. Each time that happens, it takes twice as long to become owner again.
#pragma once

#include "runtime/base/asymmetric_fence.hpp"
#include "runtime/base/spinlock.hpp"
#include "runtime/base/this_thread.hpp"

#include <fiber/detail/channel.hpp>

namespace fiber::detail {

class biased_lock {
public:
    [[nodiscard, gnu::always_inline]] static rt::guarded_data lock(lock_state& s) noexcept {
        void const* const me = rt::this_thread_identity();
        if (s.owner.load(std::memory_order_relaxed) == me && rt::threads_have_identities) {
            s.held.store(true, std::memory_order_relaxed); // the fence orders it
            rt::compiler_fence(); // [bias] a light fence: there are no owners where those are full ones
            if (s.word.load(std::memory_order_acquire) == rt::spin_word_value::free_here() && // [bias]
                s.owner.load(std::memory_order_relaxed) == me) {
                rt::note_locked(rank, &s.word);
                return rt::guarded_data::ours;
            }
            s.held.store(false, std::memory_order_release); // [bias]
        }
        return lock_word(s, me);
    }

    static void unlock(lock_state& s) noexcept {
        if (s.owner.load(std::memory_order_relaxed) == nullptr) { // it stays as it is while somebody is in
            rt::spin_word<rank>(s.word).unlock();
            return;
        }
        rt::note_unlocked(rank, &s.word);
        s.held.store(false, std::memory_order_release); // [bias]
    }

private:
    static constexpr auto rank = rt::lock_rank::channel;

    // biased_lock.cpp
    [[nodiscard]] static rt::guarded_data lock_word(lock_state&, void const* me) noexcept;
    static void revoke(lock_state&, rt::guarded_data, void const* me) noexcept;
    static void consider(lock_state&, void const* me) noexcept;
};

} // namespace fiber::detail
