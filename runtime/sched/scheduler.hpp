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

#include "runtime/base/platform/cgroup.hpp"
#include "runtime/base/process/process_stamp.hpp"
#include "runtime/base/thread/template_thread.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/global_queue.hpp"
#include "runtime/sched/idle.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/poller.hpp"
#include "runtime/sched/processor.hpp"
#include "runtime/sched/sysmon.hpp"

#include <fiber/runtime.hpp>

#include <atomic>
#include <csignal>
#include <memory>
#include <mutex>

namespace fiber::rt {

enum class stuck_in { the_kernel, a_computation };
enum class retaken { yes, no, no_machine };

class scheduler {
public:
    // Starts the machines. Throws std::system_error, or std::invalid_argument for a wrong option.
    explicit scheduler(runtime_options const&);
    // Blocks until all fibers have ended, then joins the machines: shutdown.cpp.
    ~scheduler();
    scheduler(scheduler const&) = delete;
    scheduler& operator=(scheduler const&) = delete;

    // ── called by a fiber, on its own stack ──
    // Parks the calling fiber. Its machine must be inside. On return the fiber may be on another
    // machine, which is outside.
    static void park(machine&, wait_reason, void const* what, arch::commit_function, void* argument) noexcept;
    // Runs other fibers first. The machine is outside before the call, and the machine of the fiber
    // is outside after it.
    static void yield(machine&) noexcept;
    // Set the deadline of a parking fiber. make_room_for_timer() is called inside, before the fiber
    // parks; arm() is called in the commit function.
    static void make_room_for_timer(machine&) noexcept;
    void arm(machine&, timer&) noexcept;
    // Gives the machine's processor to another machine. Does nothing if no other machine can be had.
    void hand_off(machine&) noexcept;
    // [idle.take] Returns true if the machine has a processor, or has just taken one from an idle
    // machine. Never blocks.
    [[nodiscard]] static bool has_processor(machine& m) noexcept {
        return m.p != nullptr || m.scheduler.regain(m);
    }
    // Pins the calling fiber to its machine, which then runs no other fiber; unpin() ends this.
    // pin() throws std::system_error if there can be no machine for the other fibers.
    void pin(machine&);
    void unpin(machine&) noexcept;
    // Pins the calling fiber, but gets a machine for the other fibers only when the fiber first waits.
    static void pin_lazily(machine&) noexcept;
    // Ends one of the pins of the calling fiber; called outside. After the last pin, the fiber is
    // unpinned. If the OS thread is to be discarded, the thread ends instead, and the fiber goes on
    // in another one.
    static void end_pin(machine&) noexcept;

    // ── called by any thread ──
    // Makes a parked fiber runnable. Never blocks, fails or allocates.
    void ready(fiber&) noexcept;
    // Does the same, but gives the fiber to a machine without work if there is one, as unpark() does.
    void ready(fiber&, clock::time_point waiting_since) noexcept;
    // Enqueues runnable fibers, which are in no queue, behind all others.
    void enqueue_back(fiber_list&&) noexcept;

    // Returns a fiber record that has a credit for a stack, or the stack itself.
    [[nodiscard]] fiber& new_fiber(attributes const&);
    // Does the same. The stack is as large as a thread's, unless the attributes name a size.
    [[nodiscard]] fiber& new_thread(attributes const&);
    void start(fiber&) noexcept;
    void abandon(fiber&) noexcept;        // takes back a record that was never started
    static void recycle(fiber&) noexcept; // takes back the record of a dead fiber
    static void join_by_waiting(fiber*& held) noexcept;
    [[nodiscard]] static bool detach_private(fiber&) noexcept;

    [[nodiscard]] unsigned processors() const noexcept { return active_.load(std::memory_order_relaxed); }
    void set_processors(unsigned);
    // Sets the poller. There is one at most, and it must outlive the scheduler.
    void attach(poller&) noexcept;
    [[nodiscard]] runtime_stats stats() const;
    void trim() noexcept; // idle_stacks.cpp
    // Returns true if all machines with a processor are idle. The result is a guess, but it becomes
    // true if the machines stay idle.
    [[nodiscard]] bool all_idle() const noexcept {
        return idle_.count() + retired_count_ >= made_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] bool is_from_parent() const noexcept { return stamp_.is_from_parent(); } // [fork]
    // Returns true if the caller is a fiber of this scheduler.
    [[nodiscard]] bool runs_caller() const noexcept;

private:
    friend struct machine;
    friend class standstill;
    friend class sysmon;
    class share_request;
    struct remote_resources; // shared by callers without a processor

    // ── scheduler.cpp: on and off a machine ──
    [[noreturn]] static void stack_main() noexcept;
    [[noreturn]] static void fiber_main();
    [[nodiscard]] static fiber* take_near(machine&) noexcept;
    [[nodiscard]] static fiber* unless_pinned(machine&, fiber*) noexcept;
    [[nodiscard]] bool has_other_work(machine const&) const noexcept;
    static void switch_to_fiber(machine&, arch::context& from, fiber& to, arch::commit_function,
                                void* argument) noexcept;
    static void switch_to_fresh(machine&, arch::context& from, fiber& to, arch::commit_function,
                                void* argument) noexcept;
    static void switch_to_new_stack(machine&, arch::context& from, fiber& to, arch::commit_function,
                                    void* argument) noexcept;
    static void switch_to_stack(machine&, arch::context& from, fiber& to, arch::commit_function,
                                void* argument) noexcept;
    static void prepare(stack&) noexcept; // makes a stack ready to run a fiber
    static void switch_away(machine&, arch::context& from, fiber* to, arch::commit_function,
                            void* argument) noexcept;
    static void park_until_ended(fiber&, join_state::joiner&) noexcept;
    static void yield_in_turn(machine&, fiber& g, fiber& next) noexcept;
    static void yield_to(machine&, fiber& g, fiber* next) noexcept;
    static void yield_otherwise(machine&, fiber&) noexcept;
    static void yield_slow(machine&, fiber&) noexcept;
    [[nodiscard]] static machine& enter_with_processor() noexcept;
    [[nodiscard]] static machine& wait_for_processor() noexcept;
    static void finish(machine&, fiber&, stack_source) noexcept;
    void run_next(fiber&) noexcept; // enqueues a fiber before all others
    void run_next_without_processor(machine*, fiber&) noexcept;
    void push_next(machine& m, fiber& g) noexcept {
        m.p->push_next(g);
        publish_woken(m);
    }
    // Publishes fibers that were put into the processor because they were woken on it.
    void publish_woken(machine& m) noexcept {
        light_fence();                                                        // [idle.wake]
        if (idle_.wants_work() && !m.p->monitor.is_responsive()) [[unlikely]] // [idle.next]
            publish_backlog(m);
    }
    // Publishes other fibers that were put into the processor.
    void publish(machine& m) noexcept {
        light_fence(); // [idle.wake]
        if (idle_.wants_work()) [[unlikely]]
            publish_backlog(m);
    }
    void publish_backlog(machine&) noexcept;
    void inject(fiber_list&&) noexcept;

    // ── spawn.cpp ──
    enum class spawn_kind { fiber, thread };
    [[nodiscard]] fiber& new_fiber_like(spawn_kind, attributes const&);
    [[nodiscard]] fiber& new_fiber_remote(spawn_kind, attributes const&);
    [[nodiscard]] fiber& init_fiber(fiber&) noexcept;
    static void complete(machine&, fiber&) noexcept;
    static void complete_unjoined(fiber&, std::uintptr_t seen) noexcept;
    static void recycle(machine&, fiber&) noexcept;
    static void wake_joiner(machine&, ticket) noexcept;

    // ── find_runnable.cpp: in the scheduler context ──
    [[nodiscard]] fiber* find_runnable(machine&) noexcept;
    [[nodiscard]] fiber* find_work(machine&) noexcept;
    [[nodiscard]] fiber* find_local(machine&) noexcept;
    [[nodiscard]] fiber* poll_global(machine&) noexcept;
    [[nodiscard]] fiber* take_global(machine&) noexcept;
    void push_batch(machine&, fiber_list&& share) noexcept;
    [[nodiscard]] fiber* spin_for_work(machine&) noexcept;
    void request_shares(machine const&, share_request&, clock::time_point now) noexcept;
    [[nodiscard]] fiber* steal(machine&) noexcept;
    [[nodiscard]] fiber* steal_from(machine&, processor& victim) noexcept;
    bool run_timers(machine&, processor& whose) noexcept;
    void poll(machine&) noexcept;
    enum class visible_work { nothing, unreachable, global };
    [[nodiscard]] visible_work work_visible() const noexcept;
    void share_half(machine&) noexcept;
    void stop_searching(machine&) noexcept;
    void search_again(machine&) noexcept;
    void sleep(machine&) noexcept;

    // ── hand_off.cpp: processors that change their machine ──
    static void* machine_main(void*) noexcept;
    static void run_machine(machine&) noexcept;
    [[nodiscard]] machine& machine_without_thread();
    [[nodiscard]] machine& new_machine();
    void choose_signal_mask() noexcept;
    void set_signal_mask() const noexcept; // gives the calling OS thread the machines' mask
    [[nodiscard]] machine* spare_or_new() noexcept;
    static void give(processor&, machine&) noexcept;
    [[nodiscard]] machine* first_machine() const noexcept {
        return machines_.load(std::memory_order_acquire); // [machines] each machine is complete
    }
    enum class if_inside { give_up, wait_a_moment };
    template <class Use>
    [[nodiscard]] bool try_revoke(processor&, if_inside, Use const&) noexcept;
    [[nodiscard]] bool regain(machine&) noexcept;
    [[nodiscard]] retaken retake(processor&, std::uint64_t ticks, stuck_in) noexcept;
    [[nodiscard]] unsigned machine_limit() const noexcept { return max_machines_ + beyond_max_machines_; }
    [[nodiscard]] std::size_t runnable_fibers() const noexcept; // in all queues; a guess
    void end_computation(machine&) noexcept;
    void park_spare(machine&) noexcept;
    [[nodiscard]] bool sleep_until(machine&, clock::time_point until) noexcept;

    // ── pin.cpp ──
    [[nodiscard]] fiber* wait_for_pinned(machine&) noexcept;
    [[nodiscard]] bool find_stand_in(machine&) noexcept;
    void send_to_pinned(machine&, fiber&) noexcept;
    void discard(machine&) noexcept;
    [[nodiscard]] machine* take_vacant() noexcept;
    void add_vacant(machine&) noexcept;
    void vacate(machine&) noexcept;
    [[nodiscard]] os_thread take_thread(machine&) noexcept;

    // ── processors.cpp: how many there are ──
    void change_processors(unsigned);
    void follow_cpus(clock::time_point now) noexcept;
    void add_processor();
    void resume_retired(processor&) noexcept;
    void retire_idle(processor&) noexcept;
    void set_retired(machine&, bool) noexcept;
    [[nodiscard]] bool retired(processor const& p) const noexcept { return p.index >= processors(); }
    void retire(machine&) noexcept;
    void pass_on(machine&) noexcept;

    // ── idle_stacks.cpp ──
    void age_stacks(clock::time_point now) noexcept;
    void return_all_idle_stacks() noexcept;
    [[nodiscard]] bool return_idle_stacks(processor&) noexcept;

    // ── shutdown.cpp ──
    [[nodiscard]] std::uint64_t live_fibers() const noexcept;
    void wake_closer_if_empty() noexcept;
    void stop() noexcept;

    process_stamp stamp_;
    stack_class& default_stacks_;
    stack_class& thread_stacks_;
    global_queue global_;
    idle_machines idle_;

    // Processors and machines are made when they are needed, and live until the scheduler's end.
    static constexpr unsigned max_processors = 1024;
    std::unique_ptr<std::unique_ptr<processor>[]> processors_; // the first made_ exist
    std::atomic<unsigned> made_{0};
    // Processors with a lower index run fibers. The others have retired, or are about to.
    std::atomic<unsigned> active_{0};
    std::unique_ptr<remote_resources> remote_;
    std::atomic<machine*> machines_{nullptr}; // list by next_made of all machines, also vacant ones
    std::atomic<unsigned> machines_made_{0};  // machines with an OS thread that was not discarded
    template_thread maker_;                   // makes the machines' threads
    sigset_t signal_mask_{};                  // of the machines' threads; written before the first starts
    std::mutex vacating_;                     // guards first_vacant_, and the os_thread of discarded machines
    machine* first_vacant_ = nullptr;         // list by next_listed
    unsigned const max_machines_;
    relaxed<unsigned> beyond_max_machines_{0}; // set by sysmon: standstill.hpp
    std::atomic<bool> no_machine_reported_{false};
    std::atomic<std::uint64_t> handoffs_{0};
    std::mutex revocation_lock_; // [lease] one taker at a time
    std::mutex changing_;        // one change of the number of processors at a time
    bool follows_cpus_ = false;  // the number was not set explicitly; guarded by changing_
    cgroup_quotas quotas_;       // sysmon alone uses this and next_cpu_check_
    clock::time_point next_cpu_check_{};
    spinlock<lock_rank::lifetime> retiring_; // guards each machine's `retired`, and decreases of active_
    relaxed<unsigned> retired_count_{0};     // retired machines; written under retiring_
    std::atomic<poller*> poller_{nullptr};
    sysmon sysmon_;

    std::atomic<unsigned> visitors_{0}; // remote callers that are making a fiber runnable: [close.visit]
    std::atomic<bool> stopping_{false};
    std::atomic<bool> closing_{false};
    std::atomic<agent*> closer_{nullptr}; // the agent that waits in the destructor
};

} // namespace fiber::rt
