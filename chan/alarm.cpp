// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// alarm.cpp: a leftist heap: all is in the alarms themselves, and the longest operation takes O(log n), which is
// as long as the lock is held.
#include "chan/alarm.hpp"

#include "chan/own_fiber.hpp"
#include "runtime/base/assert.hpp"

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

    std::atomic<std::uint32_t> lock_{0}; // guards all below
    alarm* first_ = nullptr;             // the root
    bool starting_ = false;              // somebody is about to start the fiber
    bool running_ = false;               // it exists, and will look at the heap before it ends
    rt::ticket sleeper_; // it waits, until `first_` was due when it began to; who: null if it does not
    deadline sleeps_until_{};
};

namespace {

constinit alarm_clock the_clock;

// While it lives, the caller has the default control modes. For the start of the library's own fiber: that one would hand on
// to what it runs for all users the modes of the one that needed it first.
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

// The starter may have lost its CPU to the OS thread that waits here, if that has a real-time policy: it must
// sleep at last.
void wait_for_starter(int tries) noexcept {
    constexpr int yields = 8;
    if (tries < yields)
        rt::yield();
    else
        this_fiber::sleep_for(std::chrono::microseconds(50));
}

} // namespace

// [fork] The fiber has stayed behind in the parent: the alarms wait for the next one that is armed.
void alarm_clock::lock() noexcept {
    if (word().lock() == rt::guarded_data::ours) [[likely]]
        return;
    starting_ = running_ = false;
    sleeper_ = {};
}

// With the lock held, before and after; but not all the time.
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
            runtime::global().go({.name = "fiber alarm clock"}, [this] { run(); });
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

// The ticket, if there is one, is claimed, and to be unparked after the lock.
rt::ticket alarm_clock::insert_locked(alarm& a) noexcept {
    FIBER_ASSERT(!is_armed_locked(a));
    a.left_ = a.right_ = a.up_ = nullptr;
    a.rank_ = 1;
    first_ = meld(first_, &a);
    first_->up_ = nullptr;
    if (sleeper_.who == nullptr || a.when_ >= sleeps_until_)
        return {};
    rt::ticket const sleeper = std::exchange(sleeper_, {});
    return rt::agent::claim(sleeper) ? sleeper : rt::ticket{}; // else its own timer has woken it
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

// The longer side to the left; true: its rank has changed.
bool alarm_clock::update_rank(alarm& a) noexcept {
    if (rank(a.left_) < rank(a.right_))
        std::swap(a.left_, a.right_);
    return std::exchange(a.rank_, rank(a.right_) + 1) != a.rank_;
}

// As deep as the two ranks together: at most 2 log2 n.
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

// With a reference to its channel. Those whose channel is going need not fire: their owner is about to disarm them, and
// waits for the lock.
alarm* alarm_clock::take_due_locked(deadline now) noexcept {
    while (first_ != nullptr && first_->when_ <= now) {
        alarm& a = *first_;
        remove_locked(a);
        if (channel::retain_unless_zero(a.owner_))
            return &a;
    }
    return nullptr;
}

// The last reference takes users' values along, whose destructors may wait: not on the clock's fiber.
void alarm_clock::release_channel(channel* owner) noexcept {
    if (!channel::release_unless_last(owner))
        call_in_own_fiber([](void* c) { channel::release(static_cast<channel*>(c)); }, owner);
}

void alarm_clock::run() noexcept {
    lock();
    // The party that has started this fiber has not yet put its alarm in.
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
            release_channel(owner); // *a may be gone
            lock();
        } else if (first_ != nullptr) {
            sleeper_ = rt::self().open_wait();
            sleeps_until_ = first_->when_;
            rt::ticket const key = sleeper_;
            auto const until = sleeps_until_;
            unlock();
            static_cast<void>(rt::park_until(key, until, rt::wait_reason::sleep, this, []() noexcept {}));
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
