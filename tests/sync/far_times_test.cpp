// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// far_times_test.cpp: tests every timed operation of sync with extreme times. A wait until a time
// in the far future does not end early, and a wait until a time in the far past returns at once.
#include "tests/support/catch.hpp"
#include "tests/support/far_times.hpp"

#include <fiber/condition_variable.hpp>
#include <fiber/future.hpp>
#include <fiber/mutex.hpp>
#include <fiber/semaphore.hpp>
#include <fiber/shared_mutex.hpp>
#include <fiber/wait_group.hpp>

#include <chrono>
#include <future>
#include <mutex>
#include <stop_token>

namespace {

using tests::is_point;

template <class Mutex>
struct locking {
    locking() { m.lock(); }
    template <class Limit>
    bool wait(Limit const& limit) {
        bool got;
        if constexpr (is_point<Limit>)
            got = m.try_lock_until(limit);
        else
            got = m.try_lock_for(limit);
        if (got)
            m.unlock();
        return got;
    }
    void end() { m.unlock(); }
    Mutex m;
};

struct sharing {
    sharing() { m.lock(); }
    template <class Limit>
    bool wait(Limit const& limit) {
        bool got;
        if constexpr (is_point<Limit>)
            got = m.try_lock_shared_until(limit);
        else
            got = m.try_lock_shared_for(limit);
        if (got)
            m.unlock_shared();
        return got;
    }
    void end() { m.unlock(); }
    fiber::shared_timed_mutex m;
};

struct acquiring {
    template <class Limit>
    bool wait(Limit const& limit) {
        if constexpr (is_point<Limit>)
            return s.try_acquire_until(limit);
        else
            return s.try_acquire_for(limit);
    }
    void end() { s.release(); }
    fiber::counting_semaphore<> s{0};
};

enum class how { plain, predicate, stop_token };

template <class Condition, how as>
struct notified {
    template <class Limit>
    bool wait(Limit const& limit) {
        std::unique_lock lock(m);
        if constexpr (as == how::plain) {
            while (!ready)
                if (plain(lock, limit) == fiber::cv_status::timeout)
                    return false;
            return true;
        } else if constexpr (as == how::predicate) {
            if constexpr (is_point<Limit>)
                return c.wait_until(lock, limit, [this] { return ready; });
            else
                return c.wait_for(lock, limit, [this] { return ready; });
        } else {
            if constexpr (is_point<Limit>)
                return c.wait_until(lock, stop.get_token(), limit, [this] { return ready; });
            else
                return c.wait_for(lock, stop.get_token(), limit, [this] { return ready; });
        }
    }
    template <class Limit>
    auto plain(std::unique_lock<fiber::mutex>& lock, Limit const& limit) {
        if constexpr (is_point<Limit>)
            return c.wait_until(lock, limit);
        else
            return c.wait_for(lock, limit);
    }
    void end() {
        std::lock_guard const hold(m);
        ready = true;
        c.notify_all();
    }
    fiber::mutex m;
    Condition c;
    bool ready = false;
    std::stop_source stop;
};

template <class Future>
struct ready {
    template <class Limit>
    bool wait(Limit const& limit) {
        if constexpr (is_point<Limit>)
            return f.wait_until(limit) == std::future_status::ready;
        else
            return f.wait_for(limit) == std::future_status::ready;
    }
    void end() { p.set_value(1); }
    fiber::promise<int> p;
    Future f{p.get_future()};
};

struct counting {
    counting() { g.add(); }
    template <class Duration>
    bool wait(Duration const& d) {
        return g.wait_for(d);
    }
    void end() { g.done(); }
    fiber::wait_group g;
};

} // namespace

TEST_CASE("timed locks accept extreme times", "[limits]") {
    tests::check_limits<locking<fiber::timed_mutex>>();
    tests::check_limits<locking<fiber::shared_timed_mutex>>();
    tests::check_limits<sharing>();
}

// The owner's thread can lock it again at once.
TEST_CASE("recursive timed locks accept extreme times", "[limits]") {
    using operation = locking<fiber::recursive_timed_mutex>;
    using one_wait = tests::one_wait<operation>;
    auto const lasts = [](auto const& limit) { tests::check_lasts(one_wait(limit)); };
    tests::each_far_future(lasts);
    tests::each_long_duration(lasts);
    operation o;
    auto const is_over = [&](auto const& limit) { tests::check_is_over_in_fiber(o, one_wait(limit)); };
    tests::each_far_past(is_over);
    tests::each_negative_duration(is_over);
    o.end();
    CHECK(tests::waits_though_clock_is_set_back<operation>());
}

TEST_CASE("semaphores accept extreme times", "[limits]") { tests::check_limits<acquiring>(); }

TEST_CASE("condition variables accept extreme times", "[limits]") {
    tests::check_limits<notified<fiber::condition_variable, how::plain>>();
    tests::check_limits<notified<fiber::condition_variable, how::predicate>>();
}

TEST_CASE("condition variables for any lock accept extreme times", "[limits]") {
    tests::check_limits<notified<fiber::condition_variable_any, how::plain>>();
    tests::check_limits<notified<fiber::condition_variable_any, how::predicate>>();
    tests::check_limits<notified<fiber::condition_variable_any, how::stop_token>>();
}

TEST_CASE("futures accept extreme times", "[limits]") {
    tests::check_limits<ready<fiber::future<int>>>();
    tests::check_limits<ready<fiber::shared_future<int>>>();
}

TEST_CASE("wait groups accept extreme durations", "[limits]") {
    using one_wait = tests::one_wait<counting>;
    tests::each_long_duration([](auto const& d) { tests::check_lasts(one_wait(d)); });
    counting c;
    tests::each_negative_duration([&](auto const& d) { tests::check_is_over(c, one_wait(d)); });
    c.end();
}
