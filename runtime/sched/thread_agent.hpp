// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// thread_agent.hpp: an OS thread as an agent, if it is no machine. Records are type-stable, see ticket.hpp.
#pragma once

#include "runtime/base/atomics/relaxed.hpp"
#include "runtime/base/lock/futex.hpp"
#include "runtime/base/platform/clock.hpp"
#include "runtime/wait/ticket.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace fiber::rt {

class local_table;

class thread_agent : public agent {
public:
    [[nodiscard]] static thread_agent& acquire() noexcept;
    static void release(thread_agent&) noexcept;
    void destroy_locals() noexcept; // called by the thread

    // Blocks the calling thread until a ready(), which may have come already, or until the deadline.
    // Returns false at the deadline. Only the thread itself may call it.
    [[nodiscard]] bool sleep_until(clock::time_point deadline) noexcept;
    // Wakes the thread. Called at most once for each sleep, by the owner of the wake.
    void ready() noexcept;

    std::uint64_t id = 0; // from the same sequence as ids of fibers
    local_table* locals = nullptr;

    // The threads that wait without a deadline, and how often threads have waited. If two calls return the
    // same, these threads have not run in between.
    struct waits {
        std::size_t waiting = 0;
        std::uint64_t begun = 0;
        friend bool operator==(waits const&, waits const&) = default;
    };
    [[nodiscard]] static waits count_waits() noexcept;

    // [thread.count] thread                           detector of deadlocks
    //              1 state = parked                   1 on_rest = a function
    //              2 full fence                       2 full fence
    //              3 on_rest is set: call it          3 count_waits()
    //   One of the fences is first: either the detector counts the thread, or the thread calls the function.
    //   Only waits without a deadline do this. A thread that ends calls it, too, while it still exists. The
    //   function may be called by several threads.
    static constinit inline std::atomic<void (*)() noexcept> on_rest{nullptr};

private:
    thread_agent() noexcept : agent(kind::thread) {}
    [[nodiscard]] bool sleeps_for_ever() const noexcept;

    //   state      set by                                    if set wrongly
    //   empty      the thread, when it consumes a ready      a lost wake-up
    //   notified   ready()                                   a spurious wake-up
    //   parked     the thread, before it enters the kernel   if not set when asleep: never woken
    enum state : std::uint32_t { empty, notified, parked };
    std::atomic<std::uint32_t> state_{empty};
    thread_agent* next_free_ = nullptr;
    thread_agent* next_made_ = nullptr;
    relaxed<bool> has_deadline_{false};
    relaxed<std::uint64_t> waits_begun_{0};
};

// For fork: the lock of the free records; and a function that makes the child forget them, since they are
// stamped as the parent's.
[[nodiscard]] std::mutex& thread_agents_mutex() noexcept;
void renew_thread_agents() noexcept;

} // namespace fiber::rt
