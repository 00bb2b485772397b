// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// runtime.cpp: the public runtime over its scheduler, the global runtime, and the runtimes of a child of
// fork.

#include <fiber/runtime.hpp>

#include "runtime/base/process/exiting.hpp"
#include "runtime/base/process/no_destructor.hpp"
#include "runtime/fault/overflow.hpp"
#include "runtime/fault/uncaught.hpp"
#include "runtime/inspect/deadlock.hpp"
#include "runtime/inspect/dump_thread.hpp"
#include "runtime/inspect/leaks.hpp"
#include "runtime/inspect/stats.hpp"
#include "runtime/process/runtimes.hpp"
#include "runtime/sched/idle_stacks.hpp"
#include "runtime/sched/scheduler.hpp"
#include "runtime/stack/stack_class.hpp"

#include <atomic>
#include <mutex>
#include <system_error>

namespace fiber {
namespace {

constinit rt::no_destructor<std::mutex> making_global; // held while the global runtime is made
constinit std::atomic<runtime*> the_global{nullptr};
// Held while a scheduler starts, so that no fork finds a scheduler half made.
constinit rt::no_destructor<std::mutex> starting;

// The scheduler of a global runtime of a process that this process descends from. The ancestor object is
// allocated together with its runtime, because the child of a fork must not allocate to forget the runtime.
struct ancestor {
    rt::scheduler const* global;
    ancestor const* parent;
};
constinit ancestor const* ancestors = nullptr;
constinit ancestor const* ancestor_to_be = nullptr; // guarded by making_global

// The number of runtimes that exist. Idle stacks belong to the process. The sysmon of any runtime ages
// them; the destructor of the last runtime trims them.
constinit std::atomic<unsigned> runtimes_there{0};

} // namespace

runtime::runtime(runtime_options options) {
    std::lock_guard const hold(starting.value);
    rt::watch_for_overflows();
    rt::report_uncaught_exceptions();
    rt::watch_for_deadlocks();
    scheduler_ = new rt::scheduler(options);
    rt::register_exit_handler();
    rt::report_leaks_at_exit();
    rt::start_asked_dumps();
    runtimes_there.fetch_add(1, std::memory_order_relaxed); // relaxed: only a count
}

// Three cases:
//   one of the runtime's fibers has called exit(): the destructor of a static runtime cannot wait for
//     that fiber. The fibers are dropped, as the global runtime's are
//   [fork] the runtime is from the parent: nothing is left to wait for, and its caches cannot be trusted
//   else: the scheduler's destructor waits for all fibers
runtime::~runtime() {
    if (scheduler_->runs_caller() && rt::exit_has_begun())
        return;
    if (!scheduler_->is_from_parent())
        delete scheduler_;
    if (runtimes_there.fetch_sub(1, std::memory_order_relaxed) == 1)
        rt::stack_class::trim_all();
}

// The global runtime is never destroyed: its fibers run on while the process exits.
runtime& runtime::global() {
    runtime* it = the_global.load(std::memory_order_acquire); // [global]
    if (it == nullptr) [[unlikely]] {
        std::lock_guard const hold(making_global.value);
        it = the_global.load(std::memory_order_relaxed); // relaxed: written under this lock
        if (it == nullptr) {
            it = new runtime;
            ancestor_to_be = new ancestor{it->scheduler_, ancestors};
            the_global.store(it, std::memory_order_release); // [global]
        }
    }
    return *it;
}

rt::scheduler& rt::global_scheduler() { return *runtime::global().scheduler_; }

unsigned runtime::processors() const noexcept { return scheduler_->processors.active(); }
void runtime::set_processors(unsigned n) { rt::usable(*scheduler_).processors.set_number(n); }
void runtime::trim() { rt::trim(*scheduler_); }
runtime_stats runtime::stats() const { return rt::stats(*scheduler_); }

namespace rt {

std::mutex& global_runtime_mutex() noexcept { return making_global.value; }
std::mutex& starting_runtimes_mutex() noexcept { return starting.value; }

void forget_global_runtime() noexcept {
    if (the_global.load(std::memory_order_relaxed) == nullptr)
        return;
    ancestors = ancestor_to_be;
    the_global.store(nullptr, std::memory_order_relaxed); // relaxed: the child has one thread
}

scheduler& usable(scheduler& s) {
    if (!s.is_from_parent()) [[likely]]
        return s;
    for (ancestor const* a = ancestors; a != nullptr; a = a->parent)
        if (a->global == &s)
            return global_scheduler();
    throw std::system_error(
        std::make_error_code(std::errc::operation_not_permitted),
        "fiber: this runtime was started before fork(), and its threads are not in the child; "
        "make another one there");
}

} // namespace rt
} // namespace fiber
