// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// machine_pool.hpp: all machines of a scheduler, and their OS threads. Machines are made when they are
// needed, up to a limit, and live until the scheduler's end.
//
// [pin.discard] A machine outlives an OS thread that is discarded. The thread is detached, and leaves its
//   machine to the next thread that is made. `vacating_` decides whether the thread detaches itself or
//   stop() joins it:
//     stop() locks first    it takes the thread's handle, and joins the thread
//     the thread is first   it detaches itself; stop() finds no handle, and joins nothing.
//                           After it unlocks, the thread touches nothing of the runtime
#pragma once

#include "runtime/base/atomics/relaxed.hpp"
#include "runtime/base/thread/template_thread.hpp"

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace fiber::rt {

class scheduler;
struct machine;

class machine_pool {
public:
    using machine_body = void (*)(machine&) noexcept;
    // Each thread of the pool runs the body for its machine.
    machine_pool(scheduler& of, machine_body body, unsigned max_machines) noexcept
        : of_(of), body_(body), max_machines_(max_machines), limit_(max_machines) {}
    machine_pool(machine_pool const&) = delete;
    machine_pool& operator=(machine_pool const&) = delete;
    // Deletes the machines, which have ended. No visitor may be about to wake one: [close.visit].
    ~machine_pool();

    // Starts the thread that makes the others. Throws std::system_error.
    void start();
    // Joins the machines' threads. The machines have been told to end.
    void stop() noexcept;

    // Returns a machine that sleeps, has no processor, and is on no list. Throws std::system_error or
    // std::bad_alloc.
    [[nodiscard]] machine& make();
    // Does the same, but returns null if there can be no more machines, and warns of this once.
    [[nodiscard]] machine* try_make() noexcept;
    // [pin.discard] Counts out a machine when its OS thread is about to end. Relaxed: a number.
    void discard_thread() noexcept { made_.fetch_sub(1, std::memory_order_relaxed); }

    // Gives the calling OS thread the machines' signal mask.
    void set_signal_mask() const noexcept;

    // ── called by any thread ──
    // Returns the first in the list by next_made of all machines, also vacant ones. Null if there is none.
    [[nodiscard]] machine* first() const noexcept {
        return first_.load(std::memory_order_acquire); // [machines] each machine is complete
    }
    // Returns the number of machines with an OS thread that was not discarded. Relaxed: a number.
    [[nodiscard]] unsigned made() const noexcept { return made_.load(std::memory_order_relaxed); }
    [[nodiscard]] unsigned max_machines() const noexcept { return max_machines_; }
    // The number of machines that may be made. It is max_machines, or more at a standstill. sysmon sets it.
    [[nodiscard]] unsigned limit() const noexcept { return limit_; }
    void set_limit(unsigned limit) noexcept { limit_ = limit; }
    // Counts the times that a processor has changed its machine. Relaxed: a statistic.
    void count_hand_off() noexcept { hand_offs_.fetch_add(1, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t hand_offs() const noexcept {
        return hand_offs_.load(std::memory_order_relaxed);
    }
    // Returns the thread that makes the machines' threads. It keeps the file descriptors of the program.
    [[nodiscard]] template_thread& maker() noexcept { return maker_; }

    [[nodiscard]] static constexpr std::size_t offset_of_first() noexcept; // for debug_layout.cpp
    // For freeze.hpp.
    [[nodiscard]] std::mutex& revocation_lock() noexcept { return revocation_lock_; }
    std::atomic<bool> frozen{false}; // written under the revocation lock

private:
    static void* thread_main(void* self) noexcept;
    [[nodiscard]] machine& machine_without_thread();
    [[nodiscard]] machine* take_vacant() noexcept;
    void add_vacant(machine&) noexcept;
    void vacate(machine&) noexcept;
    [[nodiscard]] os_thread take_thread(machine&) noexcept;

    scheduler& of_;
    machine_body const body_;
    std::atomic<machine*> first_{nullptr};
    std::atomic<unsigned> made_{0};
    template_thread maker_;
    sigset_t signal_mask_{};          // of the machines' threads; written before the first starts
    std::mutex vacating_;             // guards first_vacant_, and the os_thread of discarded machines
    machine* first_vacant_ = nullptr; // list by next_listed
    unsigned const max_machines_;
    relaxed<unsigned> limit_;
    std::atomic<bool> limit_reported_{false};
    std::atomic<std::uint64_t> hand_offs_{0};
    std::mutex revocation_lock_; // of all machines' leases: lease.hpp
};

constexpr std::size_t machine_pool::offset_of_first() noexcept {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof" // it has private members
    return offsetof(machine_pool, first_);
#pragma GCC diagnostic pop
}

} // namespace fiber::rt
