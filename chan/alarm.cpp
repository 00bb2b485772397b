// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// alarm.cpp: the clock: a leftist heap of alarms, and the fiber that fires them. The links of the heap are in
// the alarms: it allocates nothing. Each operation takes O(log n) steps under the lock.
#include "chan/alarm.hpp"

#include "chan/own_fiber.hpp"
#include "runtime/base/process/assert.hpp"
#include "runtime/wait/wait_object.hpp"

#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <algorithm>
#include <cfenv>
#include <chrono>
#include <mutex>
#include <utility>

namespace fiber::detail {

class alarm_clock {
public:
    void lock() noexcept;
    void unlock() noexcept { word().unlock(); }

    void start_locked();
    [[nodiscard]] rt::ticket insert_locked(alarm&) noexcept;
    void remove_locked(alarm&) noexcept;
    static bool is_armed_locked(alarm const& a) noexcept { return a.rank_ != 0; }

private:
    [[nodiscard]] rt::spin_word<rt::lock_rank::timers> word() noexcept {
        return rt::spin_word<rt::lock_rank::timers>(lock_);
    }
    void run() noexcept;
    [[nodiscard]] alarm* take_due_locked(deadline now) noexcept;
    static void release_channel(channel*) noexcept;

    static int rank(alarm const* a) noexcept { return a != nullptr ? a->rank_ : 0; }
    static bool update_rank(alarm& a) noexcept;
    [[nodiscard]] static alarm* meld(alarm* a, alarm* b) noexcept;

    std::atomic<std::uint32_t> lock_{0}; // guards the fields below
    alarm* first_ = nullptr;             // the root
    bool starting_ = false;              // true while an agent starts the fiber
    bool running_ = false;               // true if the fiber exists, and will check the heap before it ends
    rt::ticket sleeper_;                 // the sleep of the fiber; `who` is null while it does not sleep
    deadline sleeps_until_{};            // the end of that sleep
};

namespace {

constinit alarm_clock the_clock;

// Gives the caller the default floating-point modes in its scope. A new fiber inherits the modes of its
// starter. Without this, the clock's fiber would pass the modes of its first user to the fibers of all users.
class default_floating_point {
public:
    default_floating_point() noexcept {
        std::fegetenv(&callers_);
        std::fesetenv(FE_DFL_ENV);
    }
    ~default_floating_point() { std::fesetenv(&callers_); }
    default_floating_point(default_floating_point const&) = delete;
    default_floating_point& operator=(default_floating_point const&) = delete;

private:
    std::fenv_t callers_;
};

// Waits for the starter of the clock's fiber: yields a few times, then sleeps. A caller with a real-time
// policy may have taken the CPU of the starter: if it never slept, the starter would never run.
void wait_for_starter(int tries) noexcept {
    constexpr int yields = 8;
    if (tries < yields)
        this_fiber::yield();
    else
        this_fiber::sleep_for(std::chrono::microseconds(50));
}

} // namespace

// [fork] Takes the lock. In the child of a fork it forgets the clock's fiber, which exists only in the
// parent: the alarms wait until the next alarm is armed.
void alarm_clock::lock() noexcept {
    if (word().lock() == rt::guarded_data::ours) [[likely]]
        return;
    starting_ = running_ = false;
    sleeper_ = {};
}

// Starts the clock's fiber if it does not run. The lock is held at the call and at the return, but
// released in between.
void alarm_clock::start_locked() {
    for (int tries = 0; !running_;) {
        if (std::exchange(starting_, true)) {
            unlock();
            wait_for_starter(tries++);
            lock();
            continue;
        }
        unlock();
        try {
            default_floating_point const meanwhile;
            runtime::global().go({.name = rt::library_names.clock}, [this] { run(); }).detach();
        } catch (...) {
            lock();
            starting_ = false;
            unlock();
            throw;
        }
        lock();
        starting_ = false;
        running_ = true;
    }
}

// Inserts an alarm. If the clock's fiber would sleep past it, claims the fiber's ticket and returns it. The
// caller must unpark that ticket after it has released the lock.
rt::ticket alarm_clock::insert_locked(alarm& a) noexcept {
    FIBER_ASSERT(!is_armed_locked(a));
    a.left_ = a.right_ = a.up_ = nullptr;
    a.rank_ = 1;
    first_ = meld(first_, &a);
    first_->up_ = nullptr;
    if (sleeper_.who == nullptr || a.when_ >= sleeps_until_)
        return {};
    rt::ticket const sleeper = std::exchange(sleeper_, {});
    return rt::agent::claim(sleeper) ? sleeper : rt::ticket{}; // not claimed: its deadline has woken it
}

void alarm_clock::remove_locked(alarm& a) noexcept {
    alarm* const rest = meld(a.left_, a.right_);
    alarm* up = a.up_;
    if (rest != nullptr)
        rest->up_ = up;
    (up == nullptr ? first_ : up->left_ == &a ? up->left_ : up->right_) = rest;
    while (up != nullptr && update_rank(*up))
        up = up->up_;
    a.rank_ = 0;
}

// Moves the side with the higher rank to the left. Returns true if the rank of `a` has changed.
bool alarm_clock::update_rank(alarm& a) noexcept {
    if (rank(a.left_) < rank(a.right_))
        std::swap(a.left_, a.right_);
    return std::exchange(a.rank_, rank(a.right_) + 1) != a.rank_;
}

// Melds two heaps. The depth of the recursion is at most the sum of the two ranks, that is 2 log2 n.
alarm* alarm_clock::meld(alarm* a, alarm* b) noexcept {
    if (a == nullptr || b == nullptr)
        return a != nullptr ? a : b;
    if (b->when_ < a->when_)
        std::swap(a, b);
    a->right_ = meld(a->right_, b);
    a->right_->up_ = a;
    update_rank(*a);
    return a;
}

// Removes and returns the first alarm that is due, with a reference to its channel, or returns null. Skips an
// alarm if its channel is being destroyed: the attachment is about to disarm it.
alarm* alarm_clock::take_due_locked(deadline now) noexcept {
    while (first_ != nullptr && first_->when_ <= now) {
        alarm& a = *first_;
        remove_locked(a);
        if (channel::retain_unless_zero(a.owner_))
            return &a;
    }
    return nullptr;
}

// Releases a reference. If it is the last one, another fiber releases it: the destructors of users'
// values may wait.
void alarm_clock::release_channel(channel* owner) noexcept {
    if (!channel::release_unless_last(owner))
        call_in_own_fiber([](void* c) { channel::release(static_cast<channel*>(c)); }, owner);
}

void alarm_clock::run() noexcept {
    lock();
    // The agent that has started this fiber has not inserted its alarm yet.
    for (int tries = 0; starting_; ++tries) {
        unlock();
        wait_for_starter(tries);
        lock();
    }
    auto now = rt::clock::now();
    while (first_ != nullptr) {
        if (alarm* const a = take_due_locked(now)) {
            channel* const owner = a->owner_;
            unlock();
            a->fire(now);
            release_channel(owner); // *a may be destroyed here
            lock();
        } else if (first_ != nullptr) {
            sleeper_ = rt::self().open_wait();
            sleeps_until_ = first_->when_;
            rt::ticket const key = sleeper_;
            auto const until = sleeps_until_;
            unlock();
            static_cast<void>(rt::park_until(key, until, rt::wait_reason::sleep, nullptr, []() noexcept {}));
            lock();
            sleeper_ = {};
            now = rt::clock::now();
        }
    }
    running_ = false;
    unlock();
}

void alarm::arm(deadline when) {
    if (when == never)
        return;
    the_clock.lock();
    the_clock.start_locked();
    when_ = when;
    rt::ticket const sleeper = the_clock.insert_locked(*this);
    the_clock.unlock();
    if (sleeper.who != nullptr)
        rt::unpark(sleeper);
}

void alarm::disarm() noexcept {
    std::lock_guard const hold(the_clock);
    if (alarm_clock::is_armed_locked(*this))
        the_clock.remove_locked(*this);
}

bool alarm::is_armed() const noexcept {
    std::lock_guard const hold(the_clock);
    return alarm_clock::is_armed_locked(*this);
}

} // namespace fiber::detail
