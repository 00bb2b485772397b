// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/inspect/deadlock.hpp"

#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/base/platform/raw_file.hpp"
#include "runtime/base/process/fatal.hpp"
#include "runtime/base/process/no_destructor.hpp"
#include "runtime/base/thread/os_thread.hpp"
#include "runtime/inspect/dump.hpp"
#include "runtime/sched/fiber_pool.hpp"
#include "runtime/sched/poller.hpp"
#include "runtime/sched/registry.hpp"
#include "runtime/sched/scheduler.hpp"
#include "runtime/sched/thread_agent.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <string_view>

namespace fiber::rt {
namespace {

using namespace std::chrono_literals;

constexpr auto between_looks = 10ms;
// While only a thread of the program keeps a deadlock from being certain. A thread that has waited in the
// library tells when it waits again, and when it is about to end. Nobody tells when another thread ends.
constexpr auto short_poll = 50ms, long_poll = 1000ms;
constexpr int short_polls = 200;

enum class reaction { abort, warn, off };
constinit reaction wanted = reaction::abort;

// All that grows when something runs.
struct progress {
    std::uint64_t switches = 0, fibers = 0;
    thread_agent::waits threads;
    friend bool operator==(progress const&, progress const&) = default;
};

enum class finding { no, a_thread_runs, all_asleep };

// Returns the number of threads of the process; 0 if /proc does not tell. It is the 18th field after the
// name.
unsigned threads_of_process() noexcept {
    char text[512];
    ssize_t const n = raw_file("/proc/self/stat").read(text, sizeof text - 1);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    char const* at = std::strrchr(text, ')');
    for (int field = 0; at != nullptr && field < 18; ++field)
        at = std::strchr(at + 1, ' ');
    return at != nullptr ? static_cast<unsigned>(std::strtoul(at + 1, nullptr, 10)) : 0;
}

bool is_idle(scheduler const& s) noexcept {
    // An OS thread, too, may wait for a descriptor: then it is counted among the threads that wait for ever.
    if (poller const* const p = s.work.attached_poller(); p != nullptr && p->awaited())
        return false;
    auto const all = s.processors.all();
    return s.all_idle() && s.work.global.empty() && std::all_of(all.begin(), all.end(), [](auto const& p) {
               return p->waiting() == 0 && p->timers.empty();
           });
}

bool all_parked(progress& p) noexcept {
    bool parked = true;
    for_each_fiber([&](fiber const& g) {
        if (g.scheduler == nullptr || g.state == fiber_state::dead || g.is_from_parent())
            return;
        parked &= g.state == fiber_state::parked && g.why != wait_reason::io;
        ++p.fibers;
    });
    return parked;
}

finding look(progress& p) {
    bool idle = true;
    for_each_scheduler([&](scheduler const& s) {
        idle &= is_idle(s);
        for (auto const& each : s.processors.all())
            p.switches += each->monitor.ticks.read() + each->started.read() + each->ended.read();
        p.switches += s.live_fibers();
    });
    if (!idle)
        return finding::no;
    p.threads = thread_agent::count_waits();
    unsigned const threads = threads_of_process();
    if (threads == 0)
        return finding::no;
    if (library_threads() + p.threads.waiting != threads)
        return finding::a_thread_runs;
    return all_parked(p) && p.fibers != 0 ? finding::all_asleep : finding::no;
}

// A thread has told something. Relaxed: only the time of the next look depends on it.
constinit std::atomic<bool> has_news{false};

void look_again() noexcept {
    thread_agent::on_rest.store(nullptr, std::memory_order_relaxed);
    has_news.store(true, std::memory_order_relaxed);
    wake_sysmons();
}

void report_it(scheduler& asking) {
    std::string text = "fiber: all fibers are asleep - deadlock!\n" + report(look_at_all({}, nullptr), {});
    asking.machines.maker().call( // sysmon has no stderr
        [](void* of) noexcept { write_all(2, *static_cast<std::string*>(of)); }, &text);
}

// Several runtimes have a sysmon each. One at a time looks, and all share what was seen.
class detector {
public:
    clock::time_point observe(scheduler& asking) {
        std::unique_lock const turn(turn_, std::try_to_lock);
        if (!turn)
            return clock::now() + between_looks;
        auto const now = clock::now();
        if (has_news.exchange(false, std::memory_order_relaxed))
            polls_ = 0;
        progress seen;
        thread_agent::on_rest.store(look_again, std::memory_order_relaxed);
        full_fence(); // [thread.count]
        finding const found = look(seen);
        if (found != finding::a_thread_runs)
            thread_agent::on_rest.store(nullptr, std::memory_order_relaxed);
        switch (found) {
        case finding::no:
            first_.reset();
            polls_ = 0;
            return never;
        case finding::a_thread_runs:
            first_.reset();
            return asking.live_fibers() == 0 ? never
                                             : now + (polls_++ < short_polls ? short_poll : long_poll);
        case finding::all_asleep:
            break;
        }
        if (!first_ || first_->seen != seen) {
            first_ = {now, seen};
            return now + between_looks;
        }
        if (now - first_->at < between_looks)
            return first_->at + between_looks;
        report_it(asking);
        if (wanted == reaction::abort)
            std::abort();
        observer_of_idleness.store(nullptr, std::memory_order_relaxed); // `warn` says it once
        return never;
    }

private:
    struct first_look {
        clock::time_point at;
        progress seen;
    };
    std::mutex turn_;
    std::optional<first_look> first_;
    int polls_ = 0;
};
constinit no_destructor<detector> the_detector;

clock::time_point observe(scheduler& asking) noexcept {
    try {
        return the_detector.value.observe(asking);
    } catch (std::bad_alloc const&) {
        return clock::now() + long_poll;
    }
}

void read_environment() noexcept {
    char const* const value = std::getenv("FIBER_DEADLOCK");
    std::string_view const word = value != nullptr ? value : "";
    if (word == "warn")
        wanted = reaction::warn;
    else if (word == "off")
        wanted = reaction::off;
    else if (!word.empty() && word != "abort")
        warn("FIBER_DEADLOCK=%s is ignored: it must be abort, warn or off", value);
    if (wanted != reaction::off)
        observer_of_idleness.store(observe, std::memory_order_relaxed); // before the first sysmon starts
}

} // namespace

void watch_for_deadlocks() noexcept {
    static std::once_flag once;
    std::call_once(once, read_environment);
}

} // namespace fiber::rt
