// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// wait_watch.cpp: a list of the waits, oldest first, and a thread that reports long waits at its
// front.
//
// [watch.report]
//     the thread                                 the agent
//   1 lock `hold`                              1 after its wait: unlink the note if it is still listed
//   2 the front has waited for long: unlink    2 lock `hold` before each change of the locks that
//   3 report it                                  the agent holds
//
//   left.2 comes before right.1  right.2 comes after left.3, so the report about the agent is true.
//   right.1 comes before left.2  The agent finds its note listed and unlinks it. If its wait was long,
//                                the agent executes left.1 and left.3.
//
// An agent that waits may hold a spinlock. Therefore the list has a spinlock, too, of the highest
// rank, and the thread is not woken: it polls every few milliseconds.
#include "sync/wait_watch.hpp"

#include "runtime/base/lock/spinlock.hpp"
#include "runtime/base/process/fatal.hpp"
#include "runtime/base/thread/os_thread.hpp"
#include "runtime/wait/wait_object.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace fiber::rt::wait_watch {
namespace {

constinit std::atomic<std::uint32_t> lock_word{0}; // guards the list
constinit ::fiber::detail::wait_list list;
constinit wait_queue waiting{list};

class list_lock {
public:
    list_lock() noexcept {
        if (word_.lock_unchecked() != guarded_data::ours) [[unlikely]] // [fork]
            waiting.forget_all();
    }
    ~list_lock() { word_.unlock(); }
    list_lock(list_lock const&) = delete;
    list_lock& operator=(list_lock const&) = delete;

private:
    spin_word<lock_rank::watched_waits> word_{lock_word};
};

constinit std::chrono::milliseconds long_wait{};
constexpr std::chrono::seconds time_between_circles{1};
constinit std::mutex* hold = nullptr;
constinit reporter report = nullptr;

constinit os_thread watcher; // never joined: fibers run on while the process exits
constinit bool watching = false;

bool is_long(wait_note const& wait) noexcept { return clock::now() - wait.facts.since >= long_wait; }

void begins(wait_note& wait) noexcept {
    list_lock const guard;
    waiting.push_back(wait);
}

// Takes the note off the list. Returns true if it was there.
bool unlink(wait_note& wait) noexcept {
    list_lock const guard;
    if (!wait.queued())
        return false;
    waiting.remove(wait);
    return true;
}

void is_over(wait_note& wait) noexcept { // right.1 of [watch.report]
    if (unlink(wait) && is_long(wait)) {
        std::lock_guard const under(*hold);
        report(wait.facts);
    }
}

// Takes the oldest wait off the list if it is long, and returns a copy of its facts. The wait may
// end, and its note be destroyed, once the list is unlocked.
std::optional<wait_facts> take_long_wait() noexcept {
    list_lock const guard;
    auto* const oldest = static_cast<wait_note*>(waiting.front());
    if (oldest == nullptr || !is_long(*oldest))
        return std::nullopt;
    waiting.remove(*oldest);
    return oldest->facts;
}

void report_long_waits() noexcept { // the left side of [watch.report]
    std::lock_guard const under(*hold);
    while (auto const wait = take_long_wait())
        report(*wait);
}

void* watch(void*) noexcept {
    using namespace std::chrono_literals;
    name_this_thread("fiber-watch");
    auto const pause = std::clamp(long_wait / 4, 1ms, 20ms);
    for (auto next = clock::now() + time_between_circles;; report_long_waits()) {
        std::this_thread::sleep_for(pause);
        if (clock::now() < next || circle_reporter == nullptr)
            continue;
        circle_reporter();
        next = clock::now() + time_between_circles;
    }
}

constinit wait_observer const observer{begins, is_over};

} // namespace

void observe(std::chrono::milliseconds how_long, std::mutex& held, reporter tell) noexcept {
    long_wait = how_long;
    hold = &held;
    report = tell;
    observer_of_waits = &observer;
}

void start_watcher() noexcept {
    if (std::exchange(watching, true))
        return;
    try {
        watcher.start(watch, nullptr);
    } catch (std::system_error const& e) {
        warn("FIBER_DEBUG: %s; waits are reported when they are over", e.what());
    }
}

void forget_watcher() noexcept { watching = false; }

} // namespace fiber::rt::wait_watch
