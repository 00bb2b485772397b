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

#include "runtime/base/process/process_stamp.hpp"
#include "runtime/sched/closing.hpp"
#include "runtime/sched/find_work.hpp"
#include "runtime/sched/machine_pool.hpp"
#include "runtime/sched/processor_set.hpp"
#include "runtime/sched/sysmon.hpp"

#include <fiber/runtime.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace fiber::rt {

struct remote_resources;

class scheduler {
public:
    // Starts the machines. Throws std::system_error, or std::invalid_argument for a wrong option.
    explicit scheduler(runtime_options const&);
    // Blocks until all fibers have ended, then joins the machines.
    ~scheduler();
    scheduler(scheduler const&) = delete;
    scheduler& operator=(scheduler const&) = delete;

    // ── called by any thread ──
    [[nodiscard]] std::uint64_t live_fibers() const noexcept;
    [[nodiscard]] std::size_t runnable_fibers() const noexcept; // in all queues; a guess
    // Returns true if all machines with a processor are idle. The result is a guess, but it becomes
    // true if the machines stay idle.
    [[nodiscard]] bool all_idle() const noexcept {
        return work.idle.count() + processors.retired_machines() >= processors.all().size();
    }
    // Returns true once the machines are to end. Relaxed: a machine that is about to sleep has passed a
    // fence or a lock: [stop].
    [[nodiscard]] bool stopping() const noexcept { return stopping_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool is_from_parent() const noexcept { return stamp_.is_from_parent(); } // [fork]
    // Returns true if the caller is a fiber of this scheduler.
    [[nodiscard]] bool runs_caller() const noexcept;

private:
    scheduler(runtime_options const&, stack_class& default_stacks, stack_class& thread_stacks);
    void stop() noexcept;

    process_stamp stamp_;
    std::atomic<bool> stopping_{false};

public:
    work_finder work;
    processor_set processors;
    std::unique_ptr<remote_resources> const remote;
    machine_pool machines;
    rt::sysmon sysmon;
    rt::closing closing;
    scheduler* next_listed = nullptr; // registry.hpp
};

} // namespace fiber::rt
