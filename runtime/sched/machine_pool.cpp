// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/machine_pool.hpp"

#include "runtime/base/process/fatal.hpp"
#include "runtime/base/thread/descriptor_table.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/scheduler.hpp"

#include <new>
#include <string>
#include <system_error>
#include <utility>

namespace fiber::rt {

// Chooses the signal mask of the thread that makes the runtime, so that the program's signals reach
// machines as they reach that thread. Faults are unblocked, because a blocked fault kills the process
// without a report.
void machine_pool::start() {
    ::pthread_sigmask(SIG_SETMASK, nullptr, &signal_mask_);
    ::sigdelset(&signal_mask_, SIGSEGV);
    ::sigdelset(&signal_mask_, SIGBUS);
    descriptors.enlarge_before_threads();
    maker_.start();
}

void machine_pool::set_signal_mask() const noexcept {
    ::pthread_sigmask(SIG_SETMASK, &signal_mask_, nullptr);
}

void machine_pool::stop() noexcept {
    for (machine* m = first(); m != nullptr; m = m->next_made)
        take_thread(*m).join();
    maker_.stop();
}

// Machines are deleted after all have ended, because a machine that runs may read the others. A waker reads
// [machine.watch] of a machine that it has woken.
machine_pool::~machine_pool() {
    for (machine* m = first_.load(std::memory_order_relaxed); m != nullptr;) // the last thread
        delete std::exchange(m, m->next_made);
}

void* machine_pool::thread_main(void* self) noexcept {
    auto& m = *static_cast<machine*>(self);
    machine_pool& pool = m.scheduler.machines;
    name_this_thread(("fiber-m" + std::to_string(m.number)).c_str());
    pool.body_(m);
    if (m.discarded)
        pool.vacate(m);
    return nullptr;
}

// Returns a vacant machine, or makes a new one.
machine& machine_pool::machine_without_thread() {
    if (machine* const vacant = take_vacant())
        return *vacant;
    auto* const made = new machine(of_, revocation_lock_);
    made->next_made = first_.load(std::memory_order_acquire); // [machines]
    do
        made->number = made->next_made != nullptr ? made->next_made->number + 1 : 0;
    while (!first_.compare_exchange_weak(made->next_made, made, std::memory_order_release, // [machines]
                                         std::memory_order_acquire));                      // [machines]
    return *made;
}

machine& machine_pool::make() {
    try {
        if (made_.fetch_add(1, std::memory_order_relaxed) >= limit()) // relaxed: a limit
            throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                                    "fiber: no more than " + std::to_string(max_machines_) +
                                        " machines, as runtime_options::max_machines says");
        machine& m = machine_without_thread();
        try {
            maker_.make(m.os_thread, thread_main, &m);
        } catch (...) {
            add_vacant(m);
            throw;
        }
        return m;
    } catch (...) {
        made_.fetch_sub(1, std::memory_order_relaxed);
        throw;
    }
}

machine* machine_pool::try_make() noexcept {
    try {
        return &make();
    } catch (std::system_error const& e) {
        unsigned const there = made();
        if (!limit_reported_.exchange(true, std::memory_order_relaxed)) // relaxed: orders nothing
            warn("a runtime has %u machines, and can have no more (%s; max_machines is %u): fibers that "
                 "block or compute keep their processors until they are done with it. Raise %s, or block "
                 "in fewer fibers at a time",
                 there, e.code().message().c_str(), max_machines_,
                 there < max_machines_ ? "the system's limit of threads" : "max_machines");
        return nullptr;
    } catch (std::bad_alloc const&) { // sysmon will try again
        return nullptr;
    }
}

machine* machine_pool::take_vacant() noexcept {
    std::lock_guard const hold(vacating_);
    machine* const m = first_vacant_;
    if (m != nullptr)
        first_vacant_ = m->next_listed;
    return m;
}

void machine_pool::add_vacant(machine& m) noexcept {
    std::lock_guard const hold(vacating_);
    m.next_listed = std::exchange(first_vacant_, &m);
}

// [pin.discard] Called by stop().
os_thread machine_pool::take_thread(machine& m) noexcept {
    std::lock_guard const hold(vacating_);
    return std::move(m.os_thread);
}

// [pin.discard] Called by the discarded thread at its end. Afterwards m may be another thread's machine.
void machine_pool::vacate(machine& m) noexcept {
    std::lock_guard const hold(vacating_);
    m.os_thread.detach();
    m.discarded = false;
    m.set_asleep(true);
    m.next_listed = std::exchange(first_vacant_, &m);
}

} // namespace fiber::rt
