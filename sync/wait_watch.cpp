// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// wait_watch.cpp: a list of those who wait, oldest first, and a thread that looks at its front.
//
// [watch.report] the thread, or the party after its wait       the party
//              1 lock `hold`                                 1 its wait is over: take the note off the list, if it is there
//              2 the front has waited for long: take it off  2 whatever changes what it holds: lock `hold`
//              3 report it
//
//   Left.2 before right.1: right.2 comes after left.3, so what the report says of the party was true as it waited. Else the
//   party finds its note still listed, and if it has waited for long, goes the way on the left by itself.
//
// A party waits under a spinlock of its own, so the list has one too, of the highest rank, and nobody is woken: the thread
// looks every few milliseconds.
#include "sync/wait_watch.hpp"

#include "runtime/base/fatal.hpp"
#include "runtime/base/os_thread.hpp"
#include "runtime/base/spinlock.hpp"

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
constinit std::mutex* hold = nullptr;
constinit reporter report = nullptr;

constinit os_thread watcher; // never joined: fibers run on while the process exits
constinit bool watching = false;

bool is_long(wait_note const& wait) noexcept { return clock::now() - wait.facts.since >= long_wait; }

void begins(wait_note& wait) noexcept {
    list_lock const guard;
    waiting.push_back(wait);
}

// True: it was there.
bool unlink(wait_note& wait) noexcept {
    list_lock const guard;
    if (!wait.queued())
        return false;
    waiting.remove(wait);
    return true;
}

void is_over(wait_note& wait) noexcept { // [watch.report], right
    if (unlink(wait) && is_long(wait)) {
        std::lock_guard const under(*hold);
        report(wait.facts);
    }
}

// Off the list. The wait may be over as soon as that is unlocked, and its note gone.
std::optional<wait_facts> take_long_wait() noexcept {
    list_lock const guard;
    auto* const oldest = static_cast<wait_note*>(waiting.front());
    if (oldest == nullptr || !is_long(*oldest))
        return std::nullopt;
    waiting.remove(*oldest);
    return oldest->facts;
}

void report_long_waits() noexcept { // [watch.report], left
    std::lock_guard const under(*hold);
    while (auto const wait = take_long_wait())
        report(*wait);
}

void* watch(void*) noexcept {
    using namespace std::chrono_literals;
    name_this_thread("fiber-watch");
    for (auto const pause = std::clamp(long_wait / 4, 1ms, 20ms);; report_long_waits())
        std::this_thread::sleep_for(pause);
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
