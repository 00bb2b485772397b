// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// lease.hpp: a machine holds its processor on a lease. While the machine runs a fiber's own code, a
// taker may revoke the lease. The taker is sysmon, a thief or a caller of trim().
//
// [lease] Revocations of one scheduler take turns by its `revocation_lock_`. p is the processor.
//
//   machine, entering the runtime               taker, holds `revocation_lock_`
//   M1 inside = true                            T1 revoking = true
//   M2 light fence                              T2 heavy fence
//   M3 if revoking: inside = false, wait for    T3 if inside: give up, at once or after a moment; else p
//      `revocation_lock_`, back to M1              is the taker's, to use or to take away
//   M4 p, if not null, is the machine's         T4 revoking = false, unlock `revocation_lock_`
//   M5 inside = false, when it leaves
//
//   Claim: the machine is never at M4 while the taker has p.
//   M2 is before T2    T3 sees that the machine is inside, until the machine has left.
//   T2 is before M2    M3 sees the revocation: the machine steps out, and waits until the taker is done.
//
//   - A machine that is inside, as each sleeping machine is, can lose its processor in two ways
//     only. It gives the processor away itself; or it is on the idle list, and another thread takes
//     the processor under that list's lock.
//   - A fiber that calls only the runtime keeps its machine inside nearly all the time. This
//     machine steps out at its next entry, where a taker that waits a moment finds it outside.
//   - The machine may hold a spinlock while it waits in M3. Therefore a taker's use of p takes no
//     lock, and calls nothing that takes one.
#pragma once

#include "runtime/base/atomics/asymmetric_fence.hpp"
#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/base/platform/clock.hpp"
#include "runtime/base/process/assert.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>

namespace fiber::rt {

// What a taker does if the machine is inside the runtime, or if another taker revokes a lease.
enum class if_inside { give_up, wait_a_moment };

class lease {
public:
    explicit lease(std::mutex& revocation_lock) noexcept : revocation_lock_(revocation_lock) {}

    // ── called by the machine ──
    // Enters the runtime. Returns false if the machine must call enter_slow() next. It is for a fiber's
    // own code, and does not nest: a machine that is inside may have read its processor, so it must not
    // step out.
    [[nodiscard]] bool enter_fast() noexcept {
        FIBER_ASSERT(!inside());
        inside_.store(true, std::memory_order_relaxed); // relaxed: the fence orders it
        compiler_fence();                               // [lease] M2: a light fence, unless a flag is set
        return entry_flags_.load(std::memory_order_acquire) == 0; // [lease] sees what the last taker did
    }
    void enter_slow() noexcept;
    void leave() noexcept { inside_.store(false, std::memory_order_release); } // [lease] publishes *p

    // ── called by any thread ──
    // Returns true if the machine is inside the runtime. A new machine is: it begins in its scheduler
    // context.
    [[nodiscard]] bool inside() const noexcept { return inside_.load(std::memory_order_acquire); } // [lease]

    // ── called by a taker ──
    // Calls use() while the machine runs a fiber's own code, and returns its result: until use() has
    // returned, the machine cannot enter the runtime. Returns false, and does nothing, if the machine is
    // inside, or if may() returns false. With if_inside::give_up, also returns false if another taker is
    // revoking a lease. may() is called before the fence, and may save it. use() takes no lock: [lease].
    template <class May, class Use>
    [[nodiscard]] bool try_revoke(if_inside then, May const& may, Use const& use) noexcept {
        std::unique_lock hold(revocation_lock_, std::defer_lock);
        if (then == if_inside::wait_a_moment)
            hold.lock();
        else if (!hold.try_lock() || inside())
            return false;
        if (!may()) // after the lock: it may have taken a time
            return false;
        begin_revocation();
        if (then == if_inside::wait_a_moment)
            wait_until_outside();
        bool const used = !inside() && use();
        end_revocation();
        return used;
    }

    // ── called by a thread that freezes all machines: freeze.hpp. It holds the revocation lock ──
    // From the next heavy fence on, a machine that is outside cannot enter the runtime.
    void begin_claim() noexcept { entry_flags_.store(needs_fence_ | revoking, std::memory_order_release); }
    void end_claim() noexcept { entry_flags_.store(needs_fence_, std::memory_order_release); } // [lease]
    // Whether the machine waits for the revocation lock, or has had it and not gone on yet.
    [[nodiscard]] bool is_held_up() const noexcept {
        return held_up_.load(std::memory_order_relaxed); // relaxed: a hint, for how long not to freeze
    }
    void set_held_up(bool is) noexcept { held_up_.store(is, std::memory_order_relaxed); } // relaxed: a hint

private:
    void begin_revocation() noexcept;
    void wait_until_outside() noexcept;
    void end_revocation() noexcept;

    // Reasons for enter_slow(), in one byte so that one load tests both: a revocation is under way;
    // or light fences are full fences on this system, which compiler_fence() is not.
    static constexpr std::uint8_t revoking = 1, needs_fence = 2;
    std::mutex& revocation_lock_; // one taker at a time
    std::uint8_t const needs_fence_ = light_fences_are_full() ? needs_fence : 0;
    std::atomic<std::uint8_t> entry_flags_{needs_fence_};
    std::atomic<bool> inside_{true};
    std::atomic<bool> held_up_{false};
    // A futex: 1 if the machine has stepped out since the last revocation began.
    std::atomic<std::uint32_t> acknowledged_{0};
};

// Returns the time of a heavy fence, an average over the last revocations in the process. 0 before the first.
[[nodiscard]] clock::duration cost_of_revocation() noexcept;

} // namespace fiber::rt
