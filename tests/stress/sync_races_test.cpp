// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// sync_races_test.cpp: two events that end a wait meet, each pair 10,000 times: a time-out and the
// event of the wait, a stop and a notification, the last wait and the destruction. Between two OS
// threads, between two fibers, and between a thread and a fiber.

#include "tests/support/catch.hpp"
#include "tests/support/chaos.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"

#include <fiber/barrier.hpp>
#include <fiber/condition_variable.hpp>
#include <fiber/future.hpp>
#include <fiber/go.hpp>
#include <fiber/latch.hpp>
#include <fiber/mutex.hpp>
#include <fiber/semaphore.hpp>
#include <fiber/shared_mutex.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <utility>
#include <vector>

namespace {

// 10,000 rounds in all. OS threads take longer to meet while other threads need the CPUs.
struct pairing {
    tests::mix tasks;
    int rounds;
};
constexpr pairing pairings[] = {{{2, 0}, 9000}, {{0, 2}, 500}, {{1, 1}, 500}};

// Runs round(0, object, chaos) and round(1, object, chaos) at the same time, with a fresh object
// each time.
template <class Object, class Round>
void race(Round const& round) {
    for (auto const& pair : pairings) {
        std::vector<std::unique_ptr<Object>> objects;
        for (int i = 0; i < pair.rounds; ++i)
            objects.push_back(std::make_unique<Object>());
        std::vector<std::atomic<int>> arrived(objects.size());
        tests::run_concurrently(pair.tasks, [&](int task) {
            tests::chaos chaos(static_cast<std::uint64_t>(task));
            for (std::size_t i = 0; i < objects.size(); ++i) {
                ++arrived[i];
                while (arrived[i] != 2)
                    fiber::this_fiber::yield();
                round(task, objects[i], chaos);
            }
        });
    }
}

std::chrono::microseconds short_time(tests::chaos& chaos) {
    return std::chrono::microseconds(chaos.below(30));
}

// Waits a short random time.
void dawdle(tests::chaos& chaos) {
    auto const until = std::chrono::steady_clock::now() + short_time(chaos);
    while (std::chrono::steady_clock::now() < until)
        if (chaos.below(4) == 0)
            fiber::this_fiber::yield();
}

} // namespace

TEST_CASE("semaphore: a permit released at the deadline is taken, or stays", "[semaphore][stress]") {
    struct object {
        fiber::binary_semaphore s{0};
    };
    tests::expect expect;
    race<object>([&](int task, std::unique_ptr<object>& o, tests::chaos& chaos) {
        if (task == 0) {
            bool const got = o->s.try_acquire_for(short_time(chaos));
            if (!got)
                o->s.acquire();
            expect(!o->s.try_acquire(), "one permit, one taken");
            o.reset();
        } else {
            dawdle(chaos);
            o->s.release();
        }
    });
}

TEST_CASE("semaphore: time-outs do not change the number of permits", "[semaphore][stress]") {
    constexpr tests::mix mix{12, 3};
    fiber::counting_semaphore<> s(3);
    std::atomic<int> inside{0};
    tests::expect expect;
    tests::run_concurrently(mix, [&](int task) {
        tests::chaos chaos(static_cast<std::uint64_t>(task));
        for (int i = 0; i < 3000; ++i) {
            switch (chaos.below(3)) {
            case 0:
                s.acquire();
                break;
            case 1:
                if (!s.try_acquire())
                    continue;
                break;
            default:
                if (!s.try_acquire_for(short_time(chaos)))
                    continue;
            }
            expect(++inside <= 3, "at most three");
            chaos();
            --inside;
            s.release();
        }
    });
    CHECK(s.try_acquire());
    CHECK(s.try_acquire());
    CHECK(s.try_acquire());
    CHECK_FALSE(s.try_acquire());
}

TEST_CASE("latch: the waiter destroys the latch while count_down returns", "[latch][stress]") {
    struct object {
        fiber::latch all{2};
    };
    race<object>([](int task, std::unique_ptr<object>& o, tests::chaos& chaos) {
        if (task == 0) {
            if (chaos.below(2) == 0)
                dawdle(chaos);
            o->all.arrive_and_wait();
            o.reset();
        } else {
            dawdle(chaos);
            o->all.count_down();
        }
    });
    SUCCEED();
}

TEST_CASE("barrier: one agent destroys the barrier while the other arrives", "[barrier][stress]") {
    struct object {
        fiber::barrier<> both{2};
    };
    race<object>([](int task, std::unique_ptr<object>& o, tests::chaos& chaos) {
        if (task == 0) {
            o->both.arrive_and_wait();
            auto token = o->both.arrive();
            dawdle(chaos);
            o->both.wait(std::move(token));
            o.reset();
        } else {
            dawdle(chaos);
            o->both.arrive_and_wait();
            static_cast<void>(o->both.arrive());
        }
    });
    SUCCEED();
}

TEST_CASE("timed_mutex: an unlock meets a deadline", "[timed_mutex][stress]") {
    struct object {
        fiber::timed_mutex m;
        bool held = false; // guarded by m
        std::atomic<int> users{2};
    };
    tests::expect expect;
    race<object>([&](int task, std::unique_ptr<object>& o, tests::chaos& chaos) {
        for (int i = 0; i < 2; ++i) {
            if (task == 0 ? o->m.try_lock_for(short_time(chaos)) : (o->m.lock(), true)) {
                expect(!std::exchange(o->held, true), "alone");
                dawdle(chaos);
                o->held = false;
                o->m.unlock();
            }
        }
        if (--o->users == 0)
            o.reset();
    });
}

TEST_CASE("condition_variable_any: a stop, a notification and a time-out meet",
          "[condition_variable_any][stress]") {
    struct object {
        fiber::mutex m;
        fiber::condition_variable_any cv;
        std::stop_source stop;
        bool done = false;
    };
    tests::expect expect;
    race<object>([&](int task, std::unique_ptr<object>& o, tests::chaos& chaos) {
        if (task == 0) {
            std::unique_lock lock(o->m);
            auto const ready = [&] { return o->done; };
            while (!ready()) {
                if (chaos.below(2) == 0)
                    static_cast<void>(o->cv.wait(lock, o->stop.get_token(), ready));
                else
                    static_cast<void>(o->cv.wait_for(lock, o->stop.get_token(), short_time(chaos), ready));
                if (o->stop.stop_requested() && !ready()) {
                    lock.unlock();
                    fiber::this_fiber::yield();
                    lock.lock();
                }
            }
            expect(lock.owns_lock(), "locked again");
        } else {
            dawdle(chaos);
            bool const stop_first = chaos.below(2) == 0;
            if (stop_first)
                o->stop.request_stop();
            {
                std::scoped_lock lock(o->m);
                o->done = true;
                o->cv.notify_one();
            }
            if (!stop_first && chaos.below(2) == 0) // the waiter may have left; *o exists until the end
                o->stop.request_stop();
        }
    });
}

TEST_CASE("condition_variable_any: a stopped waiter uses up no notification",
          "[condition_variable_any][stress]") {
    for (int round = 0; round < 10'000; ++round) {
        fiber::mutex m;
        fiber::condition_variable_any cv;
        std::stop_source stop;
        int waiting = 0;
        bool go_on = false;
        auto stopped = fiber::go([&] { // is first in the queue, and passes a notification on
            std::unique_lock lock(m);
            ++waiting;
            if (cv.wait(lock, stop.get_token(), [&] { return go_on; }))
                cv.notify_one();
        });
        auto both_wait = [&](int expected) {
            std::scoped_lock lock(m);
            return waiting == expected;
        };
        while (!both_wait(1))
            fiber::this_fiber::yield();
        auto patient = fiber::go([&] {
            std::unique_lock lock(m);
            ++waiting;
            cv.wait(lock, [&] { return go_on; });
        });
        while (!both_wait(2))
            fiber::this_fiber::yield();
        auto stopper = fiber::go([&] { stop.request_stop(); });
        m.lock();
        bool const last = go_on = stop.stop_requested() || round % 2 == 0; // otherwise the stop comes later
        m.unlock();
        if (!last) {
            stopper.join();
            m.lock();
            go_on = true;
            m.unlock();
        }
        cv.notify_one();
        stopped.join();
        patient.join(); // the test hangs if the notification is lost
        if (last)
            stopper.join();
    }
    SUCCEED();
}

TEST_CASE("shared_mutex: one writer or many readers, also after time-outs", "[shared_mutex][stress]") {
    constexpr tests::mix mix{16, 3};
    fiber::shared_timed_mutex m;
    std::atomic<int> readers{0};
    std::atomic<int> writers{0};
    std::int64_t a = 0;
    std::int64_t b = 0;
    tests::expect expect;
    tests::run_concurrently(mix, [&](int task) {
        tests::chaos chaos(static_cast<std::uint64_t>(task));
        for (int i = 0; i < 4000; ++i) {
            auto const dice =
                chaos.below(i / 1000 % 2 == 0 ? 4 : 1000); // in phases with few writers the mutex is biased
            if (dice == 0 || dice == 1) {
                if (dice == 0)
                    m.lock();
                else if (!m.try_lock_for(short_time(chaos)))
                    continue;
                expect(++writers == 1 && readers == 0, "a writer is alone");
                ++a;
                chaos();
                ++b;
                --writers;
                m.unlock();
            } else {
                if (dice % 2 == 0)
                    m.lock_shared();
                else if (!m.try_lock_shared_for(short_time(chaos)))
                    continue;
                ++readers;
                expect(writers == 0 && a == b, "no writer beside a reader");
                if (dice % 8 == 0)
                    chaos();
                --readers;
                m.unlock_shared();
            }
        }
    });
    CHECK(a == b);
    CHECK(m.try_lock());
    m.unlock();
}

TEST_CASE("shared_mutex: a writer destroys the mutex after the last unlock_shared",
          "[shared_mutex][stress]") {
    struct object {
        object() {
            for (int i = 0; i < 300; ++i) // readers take slots
                std::shared_lock lock(m);
        }
        fiber::shared_mutex m;
        std::atomic<int> inside{0};
    };
    race<object>([&](int task, std::unique_ptr<object>& o, tests::chaos& chaos) {
        if (task == 0) {
            while (o->inside == 0)
                fiber::this_fiber::yield();
            o->m.lock();
            o->m.unlock();
            o.reset();
        } else {
            o->m.lock_shared();
            o->inside = 1;
            if (chaos.below(2) == 0)
                dawdle(chaos);
            o->m.unlock_shared();
        }
    });
    SUCCEED();
}

TEST_CASE("future: a result is set at the deadline, and the promise is destroyed at once",
          "[future][stress]") {
    struct object {
        std::unique_ptr<fiber::promise<int>> p = std::make_unique<fiber::promise<int>>();
        fiber::future<int> f = p->get_future();
    };
    tests::expect expect;
    race<object>([&](int task, std::unique_ptr<object>& o, tests::chaos& chaos) {
        if (task == 0) {
            while (o->f.wait_for(short_time(chaos)) != fiber::future_status::ready) {
            }
            expect(o->f.get() == 7, "the value");
            o->p.reset();
        } else {
            auto& promise = *o->p;
            dawdle(chaos);
            promise.set_value(7);
        }
    });
}
