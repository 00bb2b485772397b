// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// find_work.hpp: how a machine finds its next fiber, and what it does if there is none. In its scheduler
// context it looks for work, then searches the other processors, then sleeps: idle.hpp.
#pragma once

#include "runtime/base/atomics/relaxed.hpp"
#include "runtime/base/platform/clock.hpp"
#include "runtime/sched/global_queue.hpp"
#include "runtime/sched/idle.hpp"

#include <atomic>
#include <memory>

namespace fiber::rt {

class fiber;
class poller;
class scheduler;
struct machine;

enum class visible_work { nothing, unreachable, global };
// Whether a machine that has no work searches the other processors.
enum class may_search { no, yes };

class work_finder {
public:
    explicit work_finder(scheduler& of) noexcept : of_(of) {}
    work_finder(work_finder const&) = delete;
    work_finder& operator=(work_finder const&) = delete;
    ~work_finder();

    // ── called by a machine in its scheduler context ──
    // Returns the next fiber for m, which then has a processor. Returns null when m is to end.
    [[nodiscard]] fiber* find_runnable(machine& m) noexcept;
    // Returns a fiber, or null if there is no work. m has a processor.
    [[nodiscard]] fiber* find_work(machine& m, may_search) noexcept;
    // Ends m's search after it has found a fiber. While m searched, publishers woke no machine. If m
    // was the only searching machine, it wakes one for them.
    void stop_searching(machine& m) noexcept;
    void search_again(machine&) noexcept;
    // Takes a fair share of the global queue. Returns its first fiber, and moves the others to the
    // local queue, which is empty.
    [[nodiscard]] fiber* take_global(machine&) noexcept;
    // Makes the fibers runnable that the poller returns, if an agent waits and no machine watches. Then makes
    // the checks that are due.
    void poll(machine&, clock::time_point now) noexcept;

    // ── called by any thread ──
    // Checks all queues. The caller has passed a full fence.
    [[nodiscard]] visible_work work_visible() const noexcept;
    // Sets the poller, which is deleted with the scheduler. There is one at most.
    void attach(std::unique_ptr<poller>) noexcept;
    // Returns the poller, or null.
    [[nodiscard]] rt::poller* attached_poller() const noexcept {
        return poller_.load(std::memory_order_acquire); // [poller] the poller is complete
    }
    // Returns true if an agent waits for the poller, and no machine watches. The result is a guess, unless
    // the caller has passed the fence of [poller.watch].
    [[nodiscard]] bool lacks_watcher() const noexcept;
    // Wakes an idle machine if the poller lacks a watcher: [poller.watch]. The caller has passed a full
    // fence.
    void ensure_watcher() noexcept;
    // When the next check of the poller is due; `never` if none is: [poller.check].
    [[nodiscard]] clock::time_point next_check() const noexcept;
    // Makes the checks of the poller that are due. A machine that calls it is not on the idle list.
    void make_checks(clock::time_point now) noexcept;

    global_queue global;
    idle_machines idle;

private:
    [[nodiscard]] fiber* poll_all(machine&) noexcept;
    [[nodiscard]] fiber* poll_global(machine&) noexcept;
    void push_batch(machine&, fiber_list&& share) noexcept;
    void sleep(machine&) noexcept;
    [[nodiscard]] bool begin_watch(machine&) noexcept;
    [[nodiscard]] bool watch(machine&, clock::time_point until) noexcept;
    void push_polled(machine&, fiber_list&&) noexcept;
    void poll_now_and_then(machine&) noexcept;
    void sleep_as_spare(machine&) noexcept;

    std::atomic<rt::poller*> poller_{nullptr};
    std::atomic<machine const*> watcher_{nullptr};              // [poller.watch]
    relaxed<clock::time_point> next_poll_{clock::time_point()}; // by a busy machine
    scheduler& of_;
};

} // namespace fiber::rt
