// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// machine.hpp: an OS thread that runs fibers (Go's M), and its hold on a processor.
//
//   a machine is   has a processor   stands in                                  is found in
//   running        yes               a fiber, or the scheduler context          owner of its processor
//   idle           yes               its futex                                  the idle list
//   blocked        lost it           a fiber's own code: a system call, a loop  nothing
//   spare          no                its futex                                  the list of spares
//   pinned         no                its futex                                  `pinned_to` of its fiber's stack
//   vacant         no                nothing: its OS thread has been discarded  the list of vacant ones
//
// [lease] A machine holds its processor on a lease, which others may break while it runs a fiber's own code.
//
//     machine, entering the runtime               taker: sysmon, or a thief; holds `revocation_lock_` of the scheduler
//   1 inside = true                             1 revoking = true
//   2 light fence                               2 heavy fence
//   3 revoking: inside = false, wait for        3 inside: give up, at once or after a moment. Else p is the
//     `revocation_lock_`, and from 1 again        taker's, to use or to take away
//   4 p, if it is not null, is its own          4 revoking = false, let go of `revocation_lock_`
//   5 inside = false, on the way out
//
//   One fence is first. The left: right.3 sees the machine inside, until it has left. The right: left.3 sees the revocation,
//   steps out, and waits until the taker is done. So never is the left past 3 while the right has p. A machine that is
//   inside, and those that sleep are, can lose its processor only by its own doing, or while it is on the idle list, under
//   that list's lock.
//   One that is inside nearly all the time, in a fiber that calls nothing but the runtime, steps out at its next entry: a
//   taker who waits a moment meets it there.
//   It may hold a spinlock while it waits. So what a taker does with p takes no lock, and calls nothing that does.
#pragma once

#include "runtime/base/assert.hpp"
#include "runtime/base/asymmetric_fence.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/cpu_relax.hpp"
#include "runtime/base/futex.hpp"
#include "runtime/base/os_thread.hpp"
#include "runtime/base/relaxed.hpp"

#include "asm/switch.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <sys/types.h>

namespace fiber::rt {

class fiber;
class processor;
class scheduler;

// In lines of its own: what it stores at each entry of the runtime would take those of another machine beside it.
struct alignas(cache_line) machine {
    explicit machine(rt::scheduler& s) noexcept : scheduler(s) {}

    rt::scheduler& scheduler;
    processor* p = nullptr;           // [lease]; while it is on a list, guarded by the idle lock
    relaxed<fiber*> running{nullptr}; // null: it stands in the scheduler context, looking for work
    arch::thread_state_slots thread;
    arch::context scheduler_context; // this OS thread's own stack

    // ── [lease], left: once, by a fiber's own code. Who is inside already has looked at *p, and must not step out ──
    [[nodiscard]] bool inside() const noexcept { return inside_.load(std::memory_order_acquire); } // [lease]
    void enter() noexcept {
        FIBER_ASSERT(!inside());
        inside_.store(true, std::memory_order_relaxed); // the fence orders it
        compiler_fence();                               // [lease] a light one, unless a flag is set
        if (entry_flags_.load(std::memory_order_acquire) != 0)
            [[unlikely]] // [lease] sees what the last taker did
            enter_slow();
    }
    void leave() noexcept { inside_.store(false, std::memory_order_release); } // [lease] what was done to *p

    // ── [lease], right ──
    void begin_revocation() noexcept {
        acknowledged_.store(0, std::memory_order_relaxed);
        entry_flags_.store(needs_fence_ | revoking, std::memory_order_release); // with that zero
        heavy_fence();                                                          // [lease]
    }
    void end_revocation() noexcept { entry_flags_.store(needs_fence_, std::memory_order_release); } // [lease]
    // Until one whose lease is being revoked has left, or has stepped out. It may have lost its CPU, or be in a system call: not for long.
    void wait_until_outside() noexcept {
        for (int spins = 100; spins > 0 && inside(); --spins)
            cpu_relax();
        if (inside()) // once: should it wake for no reason, another time will do
            futex_wait(acknowledged_, 0, clock::now() + std::chrono::microseconds(500));
    }

    bool searching = false;       // it holds one count of the scheduler's `searching`
    unsigned failed_searches = 0; // in a row
    machine* next_listed =
        nullptr; // among the idle, the spares, or the vacant; guarded by the lock of that list
    machine* previous_listed = nullptr; // among the idle; this and `idle` are guarded by the idle lock
    bool idle = false;
    relaxed<bool> asleep{true};
    bool retired = false; // guarded by the scheduler's `retiring_`

    bool computes_without_processor =
        false; // its processor was retaken from a computation, which still goes on

    fiber* pinned = nullptr;      // the only fiber that runs here, if there is one
    unsigned pins = 0;            // how many thread_pins and stop requests it has
    bool discarded = false;       // [pin.discard] when they end, its OS thread does
    machine* stand_in = nullptr;  // [pin]
    machine* sent_by = nullptr;   // [pin] before wake()
    fiber* deferred = nullptr;    // found, but pinned to another machine, or without a stack
    machine* next_made = nullptr; // all machines of the scheduler
    unsigned number = 0;          // of the object, for its threads' names
    relaxed<pid_t> thread_id{0};
    rt::os_thread os_thread;

    // Until wake(), which may have come already, or the deadline. False: the deadline.
    [[nodiscard]] bool sleep_until(clock::time_point deadline) noexcept {
        while (wake_word_.load(std::memory_order_acquire) == 0) { // [machine.wake]
            futex_wait(wake_word_, 0, deadline);
            if (deadline != never && wake_word_.load(std::memory_order_relaxed) == 0 &&
                clock::now() >= deadline)
                return false;
        }
        wake_word_.store(0, std::memory_order_relaxed); // nobody wakes it again before it is listed again
        return true;
    }
    // By the one that took it off a list, or made it, or found its pinned fiber.
    void wake() noexcept {
        wake_word_.store(1, std::memory_order_release); // [machine.wake]
        futex_wake_one(wake_word_);
    }

private:
    void enter_slow() noexcept; // hand_off.cpp

    // What keeps enter() from being two plain instructions: a revocation, or light fences that are full ones here. One byte,
    // so that one look is enough.
    static constexpr std::uint8_t revoking = 1, needs_fence = 2;
    std::uint8_t const needs_fence_ = light_fences_are_full() ? needs_fence : 0;
    std::atomic<std::uint8_t> entry_flags_{needs_fence_};
    std::atomic<bool> inside_{true}; // it begins in its scheduler context
    std::atomic<std::uint32_t> wake_word_{0};
    std::atomic<std::uint32_t> acknowledged_{0}; // for the futex: since the last revocation began
};

// While it lives, the caller's machine is inside. For what does not switch, and is called by fibers' own code alone.
class entered {
public:
    explicit entered(machine& m) noexcept : m_(m) { m.enter(); }
    ~entered() { m_.leave(); }
    entered(entered const&) = delete;
    entered& operator=(entered const&) = delete;

private:
    machine& m_;
};

// The same for what others call, too, who may be inside, or no machine.
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
