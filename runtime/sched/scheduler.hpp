// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// scheduler.hpp: the scheduler is one runtime: its processors and machines. It puts fibers on
// machines, and takes them off.
//   a runnable fiber is in   and is run by
//   a processor              that processor, in the order that processor.hpp describes; or another
//                            processor, if this one shares fibers on request, or stands still and a
//                            thief steals them
//   the global queue         any processor; each one polls the queue after 61 ticks at the latest
#pragma once

#include "runtime/base/process_stamp.hpp"
#include "runtime/sched/closing.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/global_queue.hpp"
#include "runtime/sched/idle.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/machine_pool.hpp"
#include "runtime/sched/poller.hpp"
#include "runtime/sched/processor.hpp"
#include "runtime/sched/processor_set.hpp"
#include "runtime/sched/sysmon.hpp"

#include <fiber/runtime.hpp>

#include <atomic>
#include <memory>

namespace fiber::rt {

struct remote_resources;

enum class visible_work { nothing, unreachable, global };

class scheduler {
public:
    // Starts the machines. Throws std::system_error, or std::invalid_argument for a wrong option.
    explicit scheduler(runtime_options const&);
    // Blocks until all fibers have ended, then joins the machines.
    ~scheduler();
    scheduler(scheduler const&) = delete;
    scheduler& operator=(scheduler const&) = delete;

    // ── called by a fiber, on its own stack ──
    // Set the deadline of a parking fiber. make_room_for_timer() is called inside, before the fiber
    // parks; arm() is called in the commit function.
    static void make_room_for_timer(machine&) noexcept;
    void arm(machine&, timer&) noexcept;

    // ── called by any thread ──
    // Sets the poller. There is one at most, and it must outlive the scheduler.
    void attach(poller&) noexcept;
    [[nodiscard]] runtime_stats stats() const;
    [[nodiscard]] std::uint64_t live_fibers() const noexcept;
    [[nodiscard]] std::size_t runnable_fibers() const noexcept; // in all queues; a guess
    void trim() noexcept;                                       // idle_stacks.cpp
    // Returns true if all machines with a processor are idle. The result is a guess, but it becomes
    // true if the machines stay idle.
    [[nodiscard]] bool all_idle() const noexcept {
        return idle.count() + processors.retired_machines() >= processors.all().size();
    }
    [[nodiscard]] bool is_from_parent() const noexcept { return stamp_.is_from_parent(); } // [fork]
    // Returns true if the caller is a fiber of this scheduler.
    [[nodiscard]] bool runs_caller() const noexcept;

    // ── called by the parts of the scheduler ──
    [[nodiscard]] visible_work work_visible() const noexcept;
    // Returns the next fiber for m, which then has a processor. Returns null when m is to end.
    [[nodiscard]] fiber* find_runnable(machine& m) noexcept;
    [[nodiscard]] fiber* find_local(machine&) noexcept;
    void stop_searching(machine&) noexcept;
    void search_again(machine&) noexcept;
    void share_half(machine&) noexcept;
    bool run_timers(machine&, processor& whose) noexcept;
    void age_stacks(clock::time_point now) noexcept;
    [[nodiscard]] bool has_poller() const noexcept {
        return poller_.load(std::memory_order_relaxed) != nullptr;
    }
    [[nodiscard]] bool stopping() const noexcept { return stopping_.load(std::memory_order_relaxed); }

private:
    scheduler(runtime_options const&, stack_class& default_stacks, stack_class& thread_stacks);

    class share_request;

    // ── find_runnable.cpp: in the scheduler context ──
    [[nodiscard]] fiber* find_work(machine&) noexcept;
    [[nodiscard]] fiber* poll_global(machine&) noexcept;
    [[nodiscard]] fiber* take_global(machine&) noexcept;
    void push_batch(machine&, fiber_list&& share) noexcept;
    [[nodiscard]] fiber* spin_for_work(machine&) noexcept;
    void request_shares(machine const&, share_request&, clock::time_point now) noexcept;
    [[nodiscard]] fiber* steal(machine&) noexcept;
    [[nodiscard]] fiber* steal_from(machine&, processor& victim) noexcept;
    void poll(machine&) noexcept;
    void sleep(machine&) noexcept;

    // ── idle_stacks.cpp ──
    void return_all_idle_stacks() noexcept;
    [[nodiscard]] bool return_idle_stacks(processor&) noexcept;

    void stop() noexcept;

    process_stamp stamp_;

public:
    global_queue global;
    idle_machines idle;
    processor_set processors;

    std::unique_ptr<remote_resources> const remote;
    machine_pool machines;

private:
    std::atomic<poller*> poller_{nullptr};

public:
    rt::sysmon sysmon;

private:
    std::atomic<bool> stopping_{false};

public:
    rt::closing closing;
};

} // namespace fiber::rt
