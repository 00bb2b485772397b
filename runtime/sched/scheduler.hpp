// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// scheduler.hpp: one runtime: its processors and machines, and how a fiber gets on and off them.
//   where a fiber stands              what runs it next
//   next of a processor               that processor, or a thief in the last pass of a search, or after sysmon's look
//   a processor's queue               that processor in order, or a thief, who takes half
//   the global queue                  any processor, every 61st tick at the latest
#pragma once

#include "runtime/sched/current.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/global_queue.hpp"
#include "runtime/sched/idle.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/processor.hpp"
#include "runtime/sched/sysmon.hpp"

#include <fiber/runtime.hpp>

#include <atomic>
#include <memory>
#include <mutex>

namespace fiber::rt {

class scheduler {
public:
    // Starts the machines. Throws std::system_error, or std::invalid_argument for the stack size.
    explicit scheduler(runtime_options const&);
    // Waits until all fibers have ended, then joins the machines: shutdown.cpp.
    ~scheduler();
    scheduler(scheduler const&) = delete;
    scheduler& operator=(scheduler const&) = delete;

    // ── for fibers, each on its own stack ──
    static void park(machine&, wait_reason, void const* what, arch::commit_function, void* argument) noexcept;
    static void yield(machine&) noexcept;

    // ── for everyone ──
    // Parked or new to runnable. Never blocks, fails or allocates.
    void ready(fiber&) noexcept;

    // A record with a credit or stack, and back. From a machine of this scheduler or from elsewhere.
    [[nodiscard]] fiber& new_fiber(attributes const&);
    void start(fiber&) noexcept;
    void abandon(fiber&) noexcept;        // one that was never started
    static void recycle(fiber&) noexcept; // a dead one

    [[nodiscard]] unsigned processors() const noexcept { return active_.load(std::memory_order_relaxed); }
    void set_processors(unsigned);
    [[nodiscard]] runtime_stats stats() const;

private:
    friend class sysmon;
    struct outsiders; // what callers without a processor share

    // ── scheduler.cpp: on and off a machine ──
    static void* machine_main(void*) noexcept;
    [[noreturn]] static void fiber_main() noexcept;
    [[nodiscard]] static fiber* take_near(machine&) noexcept;
    [[nodiscard]] bool due_for_a_look(machine const&) const noexcept;
    static void switch_to_fiber(machine&, arch::context& from, fiber& to, arch::commit_function,
                                void* argument) noexcept;
    static void leave(machine&, arch::context& from, fiber* to, arch::commit_function,
                      void* argument) noexcept;
    static void finish(machine&, fiber&, bool has_credit) noexcept;
    static void end_life(fiber&) noexcept; // spawn.cpp
    void place(fiber&) noexcept;
    void inject(fiber&) noexcept;
    void put_last(machine&, fiber&) noexcept;

    // ── find_runnable.cpp: in the scheduler context ──
    enum class thoroughness { queues, everything };
    [[nodiscard]] fiber* find_runnable(machine&) noexcept;
    [[nodiscard]] fiber* look_here(machine&) noexcept;
    [[nodiscard]] fiber* take_global(machine&) noexcept;
    [[nodiscard]] fiber* search(machine&) noexcept;
    [[nodiscard]] fiber* steal(machine&, thoroughness) noexcept;
    [[nodiscard]] static fiber* steal_next(processor& victim) noexcept;
    bool run_timers(machine&, processor& whose) noexcept;
    [[nodiscard]] bool work_in_sight() const noexcept;
    void stop_searching(machine&) noexcept;
    void sleep(machine&) noexcept;

    // ── processors.cpp: how many there are ──
    void add_processor();
    void resume_retired() noexcept;
    [[nodiscard]] bool retired(machine const& m) const noexcept { return m.p->index >= processors(); }
    void retire(machine&) noexcept;

    // ── shutdown.cpp ──
    [[nodiscard]] std::uint64_t live_fibers() const noexcept;
    void tell_closer_if_empty() noexcept;
    void stop() noexcept;

    stack_class& default_stacks_;
    global_queue global_;
    idle_machines idle_;

    // Processors, each with a machine of its own, are made as needed and stay until the end.
    static constexpr unsigned most_processors = 1024;
    std::unique_ptr<std::unique_ptr<processor>[]> processors_; // the first made_ are there
    std::unique_ptr<std::unique_ptr<machine>[]> machines_;     // likewise
    std::atomic<unsigned> made_{0};
    // Those with a lower index run fibers; the others have retired, or are about to.
    std::atomic<unsigned> active_{0};
    std::unique_ptr<outsiders> outsiders_;
    unsigned const most_machines_;
    std::mutex changing_;                    // one set_processors at a time
    spinlock<lock_rank::lifetime> retiring_; // guards each machine's `retired`, and lowers of active_
    sysmon sysmon_;

    std::atomic<unsigned> visitors_{0}; // outsiders who are making a fiber runnable
    std::atomic<bool> stopping_{false};
    std::atomic<bool> closing_{false};
    std::atomic<party*> closer_{nullptr}; // who waits in the destructor
};

} // namespace fiber::rt
