// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// machine.hpp: an OS thread that runs fibers (Go's M).
//
//   a machine is   has a processor   is in                                      is found in
//   running        yes               a fiber, or the scheduler context          owner of its processor
//   idle           yes               its futex                                  the idle list
//   blocked        lost it           a fiber's own code: a system call, a loop  nothing
//   spare          no                its futex                                  the list of spares
//   pinned         no                its futex                                  `pinned_to` of its fiber's
//                                                                               stack
//   vacant         no                nothing: its OS thread was discarded       the list of vacant machines
#pragma once

#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/base/atomics/relaxed.hpp"
#include "runtime/base/platform/clock.hpp"
#include "runtime/base/thread/os_thread.hpp"
#include "runtime/sched/lease.hpp"

#include "asm/switch/switch.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <sys/types.h>

namespace fiber::rt {

class fiber;
class fiber_list;
class poller;
class processor;
class scheduler;

// Aligned to cache lines: the lease stores at each call of the runtime, and would contend with another
// machine in the same line.
struct alignas(cache_line) machine {
    machine(rt::scheduler& s, std::mutex& revocation_lock) noexcept : scheduler(s), lease(revocation_lock) {}

    rt::scheduler& scheduler;
    processor* p = nullptr;           // [lease]; guarded by the idle lock while the machine is on a list
    relaxed<fiber*> running{nullptr}; // null in the scheduler context, where the machine looks for work
    arch::thread_state_slots thread;
    arch::context scheduler_context; // this OS thread's own stack

    // Enter and leave the runtime: lease.hpp.
    void enter() noexcept {
        if (!lease.enter_fast()) [[unlikely]]
            enter_slow();
    }
    void leave() noexcept { lease.leave(); }
    // Calls use(), for a taker, while the machine runs a fiber's own code and holds this processor. The
    // machine can neither enter the runtime nor change p until use() returns. Returns false, and does
    // nothing, if the machine is inside or asleep, or holds another processor: lease::try_revoke().
    template <class Use>
    [[nodiscard]] bool try_revoke(processor const& held, if_inside then, Use const& use) noexcept {
        auto const is_awake = [&] { return !is_asleep(); }; // a machine that sleeps is inside
        return lease.try_revoke(then, is_awake, [&] {
            bool const holds = p == &held; // [lease] T3
            if (holds)
                use();
            return holds;
        });
    }

    bool searching = false;       // the machine holds one count of `searching`: idle.hpp
    unsigned failed_searches = 0; // in a row
    machine* next_listed =
        nullptr; // in the list of idle, spare or vacant machines; guarded by that list's lock
    machine* previous_listed = nullptr; // in the idle list; this and `idle` are guarded by the idle lock
    bool idle = false;
    // release and acquire: a thread that sees the machine asleep sees the stacks that it has left: [freeze]
    std::atomic<bool> asleep{true};
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
    rt::lease lease; // its hold on p

    [[nodiscard]] bool is_asleep() const noexcept {
        return asleep.load(std::memory_order_acquire);
    }                                                                                  // [freeze]
    void set_asleep(bool so) noexcept { asleep.store(so, std::memory_order_release); } // [freeze]

    // Sleeps until wake(), which may have come already, or until the deadline. Returns false at the
    // deadline.
    [[nodiscard]] bool sleep_until(clock::time_point deadline) noexcept;
    // Does the same in the poller instead of the futex. Also ends, and returns false, when the poller has
    // returned fibers: then `woken` is not empty.
    [[nodiscard]] bool watch_until(poller&, clock::time_point deadline, fiber_list& woken) noexcept;
    // Returns true if the machine sleeps in the poller. The result is a guess.
    [[nodiscard]] bool watches() const noexcept {
        return watched_.load(std::memory_order_relaxed) != nullptr;
    }
    // Wakes the machine. The caller has taken it off a list, has made it, or has found its pinned
    // fiber.
    void wake() noexcept;

private:
    void enter_slow() noexcept; // a function of the machine: yield() then needs no register for its lease

    // [machine.watch] machine                              waker
    //               1 watched_ = poller                  1 wake_word_ = 1
    //               2 full fence                         2 full fence
    //               3 wake_word_ == 0: wait              3 watched_ is set: interrupt it; else wake the
    //                                                      futex
    //               4 watched_ = null, full fence
    //   One of the fences is first: the machine sees the word, or the waker sees the poller. After left.4 the
    //   machine looks at the word again before it sleeps. An interrupt that comes too late ends the next
    //   wait.
    std::atomic<std::uint32_t> wake_word_{0};
    std::atomic<poller*> watched_{nullptr};
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
    explicit stay_inside(machine* m) noexcept : m_(m != nullptr && !m->lease.inside() ? m : nullptr) {
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
