// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// machine.hpp: an OS thread that runs fibers (Go's M), and its hold on a processor.
//
//   a machine is   has a processor   is in                                      is found in
//   running        yes               a fiber, or the scheduler context          owner of its processor
//   idle           yes               its futex                                  the idle list
//   blocked        lost it           a fiber's own code: a system call, a loop  nothing
//   spare          no                its futex                                  the list of spares
//   pinned         no                its futex                                  `pinned_to` of its fiber's
//                                                                               stack
//   vacant         no                nothing: its OS thread was discarded       the list of vacant machines
//
// [lease] A machine holds its processor on a lease. While the machine runs a fiber's own code, a
// taker may revoke the lease. The taker is sysmon, a thief or a caller of trim(). It holds the
// scheduler's `revocation_lock_`.
//
//   machine, entering the runtime               taker
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
#include "runtime/base/atomics/relaxed.hpp"
#include "runtime/base/lock/futex.hpp"
#include "runtime/base/platform/clock.hpp"
#include "runtime/base/process/assert.hpp"
#include "runtime/base/thread/os_thread.hpp"

#include "asm/switch/switch.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <sys/types.h>

namespace fiber::rt {

class fiber;
class processor;
class scheduler;

// Aligned to cache lines: enter() and leave() store at each call of the runtime, and would contend
// with another machine in the same line.
struct alignas(cache_line) machine {
    explicit machine(rt::scheduler& s) noexcept : scheduler(s) {}

    rt::scheduler& scheduler;
    processor* p = nullptr;           // [lease]; guarded by the idle lock while the machine is on a list
    relaxed<fiber*> running{nullptr}; // null in the scheduler context, where the machine looks for work
    arch::thread_state_slots thread;
    arch::context scheduler_context; // this OS thread's own stack

    // ── [lease], machine ──
    // enter() is for a fiber's own code, and does not nest: a machine that is inside may have read
    // *p, so it must not step out.
    [[nodiscard]] bool inside() const noexcept { return inside_.load(std::memory_order_acquire); } // [lease]
    void enter() noexcept {
        FIBER_ASSERT(!inside());
        inside_.store(true, std::memory_order_relaxed); // relaxed: the fence orders it
        compiler_fence();                               // [lease] M2: a light fence, unless a flag is set
        if (entry_flags_.load(std::memory_order_acquire) != 0)
            [[unlikely]] // [lease] acquire: the machine sees what the last taker did
            enter_slow();
    }
    void leave() noexcept { inside_.store(false, std::memory_order_release); } // [lease] publishes *p

    // ── [lease], taker ──
    void begin_revocation() noexcept {
        acknowledged_.store(0, std::memory_order_relaxed);
        entry_flags_.store(needs_fence_ | revoking, std::memory_order_release); // publishes the zero
        heavy_fence();                                                          // [lease]
    }
    void end_revocation() noexcept { entry_flags_.store(needs_fence_, std::memory_order_release); } // [lease]
    // Waits until the machine has left the runtime, or has stepped out in M3. Waits 500 µs at most,
    // because the machine may have lost its CPU, or be in a system call.
    void wait_until_outside() noexcept {
        for (int spins = 100; spins > 0 && inside(); --spins)
            cpu_relax();
        if (inside()) // no loop: after a spurious wake-up the taker gives up, and tries again later
            futex_wait(acknowledged_, 0, clock::now() + std::chrono::microseconds(500));
    }

    bool searching = false;       // the machine holds one count of `searching`: idle.hpp
    unsigned failed_searches = 0; // in a row
    machine* next_listed =
        nullptr; // in the list of idle, spare or vacant machines; guarded by that list's lock
    machine* previous_listed = nullptr; // in the idle list; this and `idle` are guarded by the idle lock
    bool idle = false;
    relaxed<bool> asleep{true};
    bool retired = false; // guarded by the scheduler's `retiring_`

    bool computes_without_processor = false; // its processor was retaken from a computation that still runs

    fiber* pinned = nullptr;      // not null: the only fiber that runs here
    unsigned pins = 0;            // number of thread_pins and stop requests of that fiber
    bool discarded = false;       // [pin.discard] the OS thread ends with the last pin
    machine* stand_in = nullptr;  // [pin]
    machine* sent_by = nullptr;   // [pin] written before wake()
    fiber* deferred = nullptr;    // a fiber that was found, but is pinned elsewhere or has no stack
    machine* next_made = nullptr; // in the list of all machines of the scheduler
    unsigned number = 0;          // of this object; used in the names of its threads
    relaxed<pid_t> thread_id{0};
    rt::os_thread os_thread;

    // Sleeps until wake(), which may have come already, or until the deadline. Returns false at the
    // deadline.
    [[nodiscard]] bool sleep_until(clock::time_point deadline) noexcept {
        while (wake_word_.load(std::memory_order_acquire) == 0) { // [machine.wake]
            futex_wait(wake_word_, 0, deadline);
            if (deadline != never && wake_word_.load(std::memory_order_relaxed) == 0 &&
                clock::now() >= deadline)
                return false;
        }
        wake_word_.store(0,
                         std::memory_order_relaxed); // no wake() comes before the machine is on a list again
        return true;
    }
    // Wakes the machine. The caller has taken it off a list, has made it, or has found its pinned
    // fiber.
    void wake() noexcept {
        wake_word_.store(1, std::memory_order_release); // [machine.wake]
        futex_wake_one(wake_word_);
    }

private:
    void enter_slow() noexcept; // hand_off.cpp

    // Reasons for enter_slow(), in one byte so that one load tests both: a revocation is under way;
    // or light fences are full fences on this system, which compiler_fence() is not.
    static constexpr std::uint8_t revoking = 1, needs_fence = 2;
    std::uint8_t const needs_fence_ = light_fences_are_full() ? needs_fence : 0;
    std::atomic<std::uint8_t> entry_flags_{needs_fence_};
    std::atomic<bool> inside_{true}; // a machine begins in its scheduler context
    std::atomic<std::uint32_t> wake_word_{0};
    std::atomic<std::uint32_t> acknowledged_{
        0}; // futex: 1 if it has stepped out since the last revocation began
};

// entered keeps the caller's machine inside while the object lives. It is for functions that do not
// switch, and that only a fiber's own code calls.
class entered {
public:
    explicit entered(machine& m) noexcept : m_(m) { m.enter(); }
    ~entered() { m_.leave(); }
    entered(entered const&) = delete;
    entered& operator=(entered const&) = delete;

private:
    machine& m_;
};

// stay_inside does the same for functions that are also called inside, or by a thread that is no
// machine: m is null.
class stay_inside {
public:
    explicit stay_inside(machine* m) noexcept : m_(m != nullptr && !m->inside() ? m : nullptr) {
        if (m_ != nullptr)
            m_->enter();
    }
    ~stay_inside() {
        if (m_ != nullptr)
            m_->leave();
    }
    stay_inside(stay_inside const&) = delete;
    stay_inside& operator=(stay_inside const&) = delete;

private:
    machine* m_;
};

} // namespace fiber::rt
