// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// find_work.hpp: how a machine finds its next fiber, and what it does if there is none. In its scheduler
// context it looks for work, then searches the other processors, then sleeps: idle.hpp.
#pragma once

#include "runtime/sched/global_queue.hpp"
#include "runtime/sched/idle.hpp"

#include <atomic>

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
    // Makes the fibers runnable that the poller returns, if there is a poller.
    void poll(machine&) noexcept;

    // ── called by any thread ──
    // Checks all queues. The caller has passed a full fence.
    [[nodiscard]] visible_work work_visible() const noexcept;
    // Sets the poller. There is one at most, and it must outlive the scheduler.
    void attach(poller&) noexcept;
    [[nodiscard]] bool has_poller() const noexcept {
        return poller_.load(std::memory_order_relaxed) != nullptr; // relaxed: only whether it is set
    }

    global_queue global;
    idle_machines idle;

private:
    [[nodiscard]] fiber* poll_all(machine&) noexcept;
    [[nodiscard]] fiber* poll_global(machine&) noexcept;
    void push_batch(machine&, fiber_list&& share) noexcept;
    void sleep(machine&) noexcept;

    std::atomic<poller*> poller_{nullptr};
    scheduler& of_;
};

} // namespace fiber::rt
