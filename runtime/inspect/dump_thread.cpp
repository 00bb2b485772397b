// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// dump_thread.cpp: the handler of the signal wakes a thread, which takes the dump and writes it to stderr.
//
// The thread allocates, and takes locks of the C library. If it hangs, for example because a thread that
// holds malloc's lock is stuck, no dump appears. Then the next signal's handler itself writes what it can
// read without a lock: the emergency form, which has addresses only.

#include "runtime/inspect/dump_thread.hpp"

#include "runtime/base/lock/futex.hpp"
#include "runtime/base/process/fatal.hpp"
#include "runtime/base/process/no_destructor.hpp"
#include "runtime/base/process/process_stamp.hpp"
#include "runtime/base/thread/os_thread.hpp"
#include "runtime/inspect/dump.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/fiber_pool.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/scheduler.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <new>
#include <string_view>
#include <system_error>
#include <unistd.h>

namespace fiber::rt {
namespace {

constinit no_destructor<std::mutex> starting;       // guards `thread` and started_in
constinit os_thread thread;                         // never joined
constinit std::atomic<std::uint16_t> started_in{0}; // the process, by its number of forks, plus 1; or 0
constinit std::atomic<bool> wanted{false};          // a signal was chosen

// [dump.signal] How many dumps were asked for, which is a futex; and how many were written.
constinit std::atomic<std::uint32_t> asked{0}, written{0};

std::uint16_t this_process() noexcept {
    return static_cast<std::uint16_t>(fork_generation.load(std::memory_order_relaxed) + 1);
}

char const* name_of(fiber_state s) noexcept {
    switch (s) {
    case fiber_state::runnable:
        return "runnable";
    case fiber_state::running:
        return "running";
    case fiber_state::parked:
        return "parked";
    case fiber_state::dead:
        break;
    }
    return "";
}

void write_emergency_form() noexcept {
    write_all(2, "fiber: the last dump has not been written; addresses only:\n");
    for_each_fiber([](fiber const& g) {
        fiber_state const state = g.state;
        if (state == fiber_state::dead || g.scheduler == nullptr || g.is_from_parent())
            return;
        bool const parked = state == fiber_state::parked;
        char line[160];
        int const n =
            std::snprintf(line, sizeof line, "fiber %llu: %s%s%s %p; started at %p\n",
                          static_cast<unsigned long long>(g.id), name_of(state), parked ? ", " : "",
                          parked ? to_string(g.why) : "", parked ? static_cast<void const*>(g.what) : nullptr,
                          static_cast<void const*>(g.started_at));
        write_all(2, {line, static_cast<std::size_t>(n)});
    });
}

void on_signal(int) {
    int const error = errno;
    if (started_in.load(std::memory_order_acquire) == this_process()) { // [dump.signal]
        if (asked.load(std::memory_order_relaxed) != written.load(std::memory_order_relaxed)) {
            write_emergency_form();
        } else {
            asked.fetch_add(1, std::memory_order_relaxed); // relaxed: nothing goes with it
            futex_wake_one(asked);
        }
    }
    errno = error;
}

void* write_dumps(void*) noexcept {
    name_this_thread("fiber-dump");
    for (;;) {
        std::uint32_t const done = written.load(std::memory_order_relaxed);
        std::uint32_t const now = asked.load(std::memory_order_relaxed);
        if (now == done) {
            futex_wait(asked, done);
            continue;
        }
        try {
            write_all(2, report(look_at_all({}, nullptr), {}));
        } catch (std::bad_alloc const&) {
            write_emergency_form();
        }
        written.store(now, std::memory_order_relaxed);
    }
}

// A machine's thread may have been changed by a fiber that is pinned to it. Therefore it starts no thread.
void start_thread() {
    std::lock_guard const hold(starting.value);
    if (started_in.load(std::memory_order_relaxed) == this_process()) // relaxed: written under this lock
        return;
    written.store(asked.load(std::memory_order_relaxed), std::memory_order_relaxed);
    if (machine const* const m = current_machine())
        m->scheduler.machines.maker().make(thread, write_dumps, nullptr);
    else
        thread.start(write_dumps, nullptr);
    started_in.store(this_process(), std::memory_order_release); // [dump.signal]
}

} // namespace

void dump_when_signalled(int signal) {
    start_thread();
    wanted.store(true, std::memory_order_relaxed);
    struct sigaction ours {};
    ours.sa_handler = on_signal;
    ours.sa_flags = SA_RESTART | SA_ONSTACK;
    sigemptyset(&ours.sa_mask);
    if (::sigaction(signal, &ours, nullptr) != 0)
        throw std::system_error(errno, std::generic_category(), "fiber: dump_on_signal");
}

void start_asked_dumps() noexcept try {
    if (wanted.load(std::memory_order_relaxed)) { // relaxed: only whether it is set
        start_thread();
        return;
    }
    char const* const value = std::getenv("FIBER_DUMP");
    if (value == nullptr || *value == '\0')
        return;
    if (std::string_view(value) == "quit") {
        dump_when_signalled(SIGQUIT);
        return;
    }
    static std::once_flag once;
    std::call_once(once, [value] { warn("FIBER_DUMP=%s is ignored: it must be quit", value); });
} catch (std::exception const& e) {
    warn("there are no dumps by a signal: %s", e.what());
}

} // namespace fiber::rt
