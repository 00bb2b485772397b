// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// biased_lock.hpp: a channel's lock: a spin word, which a thread that has been alone with it for long need not
// take. Two exchanges are half of what an item costs on its way through a buffer.
//   word    the spin word, as ever
//   owner   the OS thread that may do without, with bit 0 set if it may not at present; 1: none yet. Changes under the
//           word, while nobody is in
//   held    the owner is in, without the word
//
// [bias]    the owner                                 any other
//         0 it is the owner                         1 take the word
//         1 held = true                             2 there is an owner: heavy fence
//         2 light fence                             3 wait until held is false
//         3 word free, and still the owner: in      4 no owner: in
//           else held = false, and as any other     5 word free, on the way out
//         4 held = false, on the way out
//
//   One fence is first. The left: right.3 sees held. The right: left.3 sees that the word is taken, or free again and
//   then, read after it, that there is no owner any more. So never are both in.
//
// [bias.one] Only one thread is ever the owner of a channel, now and then. Between 0 and 1 the kernel may keep it for as long
//   as it likes. Were another one owner by then, and in, the first one's `held = false` in 3 would hide that. Model:
//   tests/model/channel_bias.pml.
//
// A fiber's thread becomes owner, an OS thread of the program's does not. Each time that another thread comes, the heavy
// fence costs what some thousand exchanges do. Each time it takes twice as long to become owner again. With several
// processors others come sooner, and the first streak has to be long; the process rations owners there ([bias.rate]).
#pragma once

#include "runtime/base/asymmetric_fence.hpp"
#include "runtime/base/spinlock.hpp"
#include "runtime/base/this_thread.hpp"

#include <fiber/detail/channel.hpp>

#include <cstdint>

namespace fiber::detail {

class biased_lock {
public:
    [[nodiscard, gnu::always_inline]] static rt::guarded_data lock(lock_state& s) noexcept {
        auto const me = reinterpret_cast<std::uintptr_t>(rt::this_thread_identity());
        if (s.owner.load(std::memory_order_relaxed) == me) {
            s.held.store(true, std::memory_order_relaxed); // the fence orders it
            rt::compiler_fence(); // [bias] a light fence: there are no owners where those are full ones
            if (s.word.load(std::memory_order_acquire) == rt::spin_word_value::unlocked_value() && // [bias]
                s.owner.load(std::memory_order_relaxed) == me) {
                rt::note_locked(rank, &s.word);
                return rt::guarded_data::ours;
            }
            s.held.store(false, std::memory_order_release); // [bias]
        }
        return lock_word(s, me);
    }

    static void unlock(lock_state& s) noexcept {
        if (!has_owner(s)) { // it stays as it is while somebody is in
            rt::spin_word<rank>(s.word).unlock();
            return;
        }
        rt::note_unlocked(rank, &s.word);
        s.held.store(false, std::memory_order_release); // [bias]
    }

private:
    static constexpr auto rank = rt::lock_rank::channel;

    [[nodiscard]] static bool has_owner(lock_state const& s) noexcept {
        return (s.owner.load(std::memory_order_relaxed) & lock_state::no_owner) == 0;
    }

    // biased_lock.cpp
    [[nodiscard]] static rt::guarded_data lock_word(lock_state&, std::uintptr_t me) noexcept;
    static void revoke(lock_state&, rt::guarded_data, std::uintptr_t me) noexcept;
    static void try_bias(lock_state&, std::uintptr_t me) noexcept;
};

} // namespace fiber::detail
