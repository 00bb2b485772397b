// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// biased_lock.hpp: the lock of a channel: a spin word with a bias. A thread that locks it many times in a
// row becomes its owner, and locks and unlocks by plain stores instead of atomic exchanges.
//   word    the spin word
//   owner   the OS thread that may lock without the word. Bit 0 is set while it may not. 1: no owner yet.
//           Changes only under the word, while no other thread holds the lock
//   held    true while the owner holds the lock without the word
//
// [bias]
//   the owner                                    any other thread
//   O0 owner == me                               A1 lock the word
//   O1 held = true                               A2 if there is an owner: heavy fence
//   O2 light fence                               A3 wait until held is false
//   O3 word free, and owner == me: locked;       A4 mark that there is no owner: locked
//      else held = false, and go to A1           A5 to unlock: word = free
//   O4 to unlock: held = false
//
//   Claim: the owner and another thread never hold the lock at the same time. One fence is first:
//   O2 is before A2   A3 sees held, and waits.
//   A2 is before O2   O3 sees that the word is locked; or it sees the word free again (A5), and then, in
//                     the load that follows, that there is no owner (A4).
//   Model: tests/model/channel_bias.pml.
//
// [bias.one] In the life of a channel only one thread can be its owner, any number of times. Between O0 and
//   O1 the kernel may preempt that thread for any time. If another thread could be owner by then, and held
//   the lock, `held = false` of the first thread in O3 would hide that the lock is held.
//
// The thread of a fiber can become owner, an OS thread of the program cannot. Each revocation costs a heavy
// fence, and doubles the streak that the next bias needs. With several processors revocations come
// sooner: the first streak must be longer there, and [bias.rate] limits the owners of the process.
#pragma once

#include "runtime/base/atomics/asymmetric_fence.hpp"
#include "runtime/base/lock/spinlock.hpp"
#include "runtime/base/thread/this_thread.hpp"

#include <fiber/detail/lock_state.hpp>

#include <cstdint>

namespace fiber::detail {

class biased_lock {
public:
    [[nodiscard, gnu::always_inline]] static rt::guarded_data lock(lock_state& s) noexcept {
        auto const me = reinterpret_cast<std::uintptr_t>(rt::this_thread_identity());
        if (s.owner.load(std::memory_order_relaxed) == me) {
            s.held.store(true, std::memory_order_relaxed); // O1; relaxed: the fence orders it
            rt::compiler_fence(); // [bias] O2: where a light fence is a full one, there are no owners
            // [bias] O3
            if (s.word.load(std::memory_order_acquire) == rt::spin_word_value::unlocked_value() &&
                s.owner.load(std::memory_order_relaxed) == me) {
                rt::note_locked(rank, &s.word);
                return rt::guarded_data::ours;
            }
            s.held.store(false, std::memory_order_release); // [bias] O3, not locked
        }
        return lock_word(s, me);
    }

    static void unlock(lock_state& s) noexcept {
        if (!has_owner(s)) { // does not change while the lock is held
            rt::spin_word<rank>(s.word).unlock();
            return;
        }
        rt::note_unlocked(rank, &s.word);
        s.held.store(false, std::memory_order_release); // [bias] O4
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
