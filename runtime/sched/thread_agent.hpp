// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// thread_agent.hpp: an OS thread that is no machine, as one who waits. Records are type-stable, see
// ticket.hpp.
#pragma once

#include "runtime/base/clock.hpp"
#include "runtime/base/futex.hpp"
#include "runtime/base/ticket.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>

namespace fiber::rt {

class local_table;

class thread_agent : public agent {
public:
    [[nodiscard]] static thread_agent& acquire() noexcept;
    static void release(thread_agent&) noexcept;
    void destroy_locals() noexcept; // by the thread

    // By the thread: until one ready(), which may have come already, or the deadline. False: the deadline.
    [[nodiscard]] bool sleep_until(clock::time_point deadline) noexcept;
    // By anyone who may: the thread goes on. At most one for each sleep.
    void ready() noexcept;

    std::uint64_t id = 0; // from the same numbers as fibers'
    local_table* locals = nullptr;

private:
    friend class thread_agent_pool;
    thread_agent() noexcept : agent(kind::thread) {}

    //   state      set by                                    if wrong
    //   empty      the thread, when it consumes a ready      a lost wake-up
    //   notified   ready()                                   a spurious one
    //   parked     the thread, before it enters the kernel   unset when asleep: never woken
    enum state : std::uint32_t { empty, notified, parked };
    std::atomic<std::uint32_t> state_{empty};
    thread_agent* next_free_ = nullptr;
};

// For fork: the lock of the free records, and what makes the child forget them: they are stamped as the parent's.
[[nodiscard]] std::mutex& thread_agents_mutex() noexcept;
void renew_thread_agents() noexcept;

} // namespace fiber::rt
