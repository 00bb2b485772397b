// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// sync_stress_test.cpp: each protocol of sync/ with random delays, from fibers of two runtimes and
// OS threads at once. Objects are destroyed at the earliest time that is allowed, and the
// sanitizers check this.

#include "tests/support/catch.hpp"
#include "tests/support/chaos.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"

#include <fiber/condition_variable.hpp>
#include <fiber/go.hpp>
#include <fiber/mutex.hpp>
#include <fiber/once.hpp>
#include <fiber/wait_group.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <vector>

namespace {

constexpr tests::mix mix{20, 3};

// Makes one object for each round before the first round. The agents need not be in the same round.
template <class T>
std::vector<std::unique_ptr<T>> one_for_each(int rounds) {
    std::vector<std::unique_ptr<T>> all;
    for (int i = 0; i < rounds; ++i)
        all.push_back(std::make_unique<T>());
    return all;
}

// Returns true if this agent has the special part in this round.
bool is_chosen(int task, int round) { return round % mix.size() == task; }

std::chrono::microseconds short_time(tests::chaos& chaos) {
    return std::chrono::microseconds(chaos.below(60));
}

std::uint64_t number(int task) { return static_cast<std::uint64_t>(task); }

} // namespace

TEST_CASE("mutex: one owner at a time, and every waiter gets a turn", "[mutex][stress]") {
    constexpr int rounds = 5000;
    fiber::mutex m;
    std::int64_t count = 0;
    std::int64_t shadow = 0;
    tests::expect expect;
    tests::run_concurrently(mix, [&](int task) {
        tests::chaos chaos(number(task));
        for (int i = 0; i < rounds; ++i) {
            if (chaos.below(8) == 0) {
                while (!m.try_lock())
                    fiber::this_fiber::yield();
            } else {
                m.lock();
            }
            ++count;
            if (chaos.below(4) == 0)
                chaos();
            expect(++shadow == count, "alone");
            m.unlock();
            chaos();
        }
    });
    CHECK(count == mix.size() * rounds);
}

TEST_CASE("mutex: the last owner destroys the mutex after unlock", "[mutex][stress]") {
    struct counted {
        fiber::mutex m;
        int users = 0;
    };
    // Two threads meet in the shortest windows, many agents in all other windows.
    for (tests::mix const& c : {mix, tests::mix{0, 2}}) {
        auto objects = one_for_each<counted>(20'000);
        for (auto& object : objects)
            object->users = c.size();
        tests::run_concurrently(c, [&](int task) {
            tests::chaos chaos(number(task));
            for (auto& object : objects) {
                object->m.lock();
                bool const last = --object->users == 0;
                object->m.unlock();
                if (last)
                    object.reset();
                if (chaos.below(64) == 0)
                    chaos();
            }
        });
    }
}

TEST_CASE("condition_variable: a timed-out waiter takes no notification", "[condition_variable][stress]") {
    constexpr int rounds = 1000;
    constexpr int impatient = 6;
    fiber::mutex m;
    fiber::condition_variable cv;
    fiber::run([&] {
        tests::chaos chaos;
        for (int round = 0; round < rounds; ++round) {
            int notified = 0;           // guarded by m
            bool patient_waits = false; // guarded by m
            auto const until = std::chrono::steady_clock::now() + short_time(chaos);
            std::vector<fiber::handle> handles;
            for (int i = 0; i < impatient; ++i)
                handles.push_back(fiber::go([&] {
                    std::unique_lock lock(m);
                    if (cv.wait_until(lock, until) == fiber::cv_status::no_timeout)
                        ++notified;
                }));
            handles.push_back(fiber::go([&] {
                std::unique_lock lock(m);
                patient_waits = true;
                cv.wait(lock);
                ++notified;
                patient_waits = false;
            }));
            auto const holds = [&](auto condition) {
                std::scoped_lock guard(m);
                return condition();
            };
            while (!holds([&] { return patient_waits; }))
                fiber::this_fiber::yield();
            if (chaos.below(4) != 0)
                fiber::this_fiber::sleep_until(until); // lets the timers and the notification meet
            for (int sent = 1; holds([&] { return patient_waits; }); ++sent) {
                cv.notify_one();
                while (!holds([&] { return notified == sent; })) // one waiter can take it
                    fiber::this_fiber::yield();
            }
            for (auto& h : handles)
                h.join();
        }
    });
}

TEST_CASE("condition_variable: tokens reach all consumers, timed or not", "[condition_variable][stress]") {
    constexpr int each = 2000;
    fiber::mutex m;
    fiber::condition_variable cv;
    int tokens = 0;
    std::atomic<int> consumed{0};
    tests::run_concurrently({20, 2}, [&](int task) {
        tests::chaos chaos(number(task));
        for (int i = 0; i < each; ++i) {
            std::unique_lock lock(m);
            if (task % 2 == 0) {
                ++tokens;
                lock.unlock();
                cv.notify_one();
            } else {
                while (tokens == 0) {
                    if (chaos.below(2) == 0)
                        cv.wait(lock);
                    else
                        cv.wait_for(lock, short_time(chaos));
                }
                --tokens;
                ++consumed;
            }
            chaos();
        }
    });
    CHECK(consumed == 11 * each);
    CHECK(tokens == 0);
}

TEST_CASE("condition_variable: notify_all, then destruction under the mutex",
          "[condition_variable][stress]") {
    struct gate {
        std::unique_ptr<fiber::condition_variable> opens = std::make_unique<fiber::condition_variable>();
        fiber::mutex m;
        bool open = false;
    };
    constexpr int rounds = 500;
    auto gates = one_for_each<gate>(rounds);
    tests::run_concurrently(mix, [&](int task) {
        tests::chaos chaos(number(task));
        for (int round = 0; round < rounds; ++round) {
            auto& gate = *gates[static_cast<std::size_t>(round)];
            if (is_chosen(task, round)) {
                chaos();
                fiber::this_fiber::sleep_for(short_time(chaos));
                std::scoped_lock guard(gate.m);
                gate.open = true;
                gate.opens->notify_all();
                gate.opens.reset();
            } else {
                std::unique_lock lock(gate.m);
                while (!gate.open) {
                    if (chaos.below(4) == 0)
                        gate.opens->wait(lock);
                    else
                        gate.opens->wait_for(lock, short_time(chaos));
                }
            }
        }
    });
}

// The notification finds no waiter and takes no lock. Only the count of waiters orders the end of the wait
// before the destruction.
TEST_CASE("condition_variable: destruction while the last wait times out", "[condition_variable][stress]") {
    struct gate {
        std::unique_ptr<fiber::condition_variable> opens = std::make_unique<fiber::condition_variable>();
        fiber::mutex m;
        bool open = false;
    };
    constexpr int rounds = 2000;
    constexpr tests::mix pair{0, 2};
    auto gates = one_for_each<gate>(rounds);
    std::vector<std::atomic<int>> arrived(rounds);
    tests::run_concurrently(pair, [&](int task) {
        tests::chaos chaos(number(task));
        for (std::size_t round = 0; round < gates.size(); ++round) {
            auto& gate = *gates[round];
            ++arrived[round];
            while (arrived[round] != pair.size())
                std::this_thread::yield();
            std::unique_lock lock(gate.m);
            if (task == 0) {
                while (!gate.open)
                    gate.opens->wait_for(lock, short_time(chaos));
            } else {
                lock.unlock();
                for (auto until = std::chrono::steady_clock::now() + 2 * short_time(chaos);
                     std::chrono::steady_clock::now() < until;) {
                }
                lock.lock();
                gate.open = true;
                gate.opens->notify_all();
                gate.opens.reset();
            }
        }
    });
}

TEST_CASE("once: exactly one attempt succeeds, after all failed attempts", "[once][stress]") {
    struct made {
        fiber::once_flag flag;
        int attempts = 0; // attempts and value are guarded by the flag
        int value = 0;
    };
    constexpr int rounds = 5000;
    auto objects = one_for_each<made>(rounds);
    tests::expect expect;
    tests::run_concurrently(mix, [&](int task) {
        tests::chaos chaos(number(task));
        for (auto const& object : objects) {
            for (bool returned = false; !returned;) {
                try {
                    fiber::call_once(object->flag, [&] {
                        ++object->attempts;
                        chaos();
                        if (chaos.below(3) != 0)
                            throw std::runtime_error("again");
                        ++object->value;
                    });
                    returned = true;
                } catch (std::runtime_error const&) {
                    chaos();
                }
            }
            expect(object->value == 1 && object->attempts >= 1, "made once, and visible");
            if (chaos.below(32) == 0)
                chaos();
        }
    });
}

TEST_CASE("wait_group: several waiters wait in each of many rounds", "[wait_group][stress]") {
    constexpr int rounds = 1500;
    constexpr int members = 10;
    constexpr int waiters = 4;
    fiber::wait_group work;
    fiber::wait_group waits;
    tests::expect expect;
    fiber::run([&] {
        std::atomic<int> sum{0};
        for (int round = 1; round <= rounds; ++round) {
            work.add(members);
            for (int i = 0; i < waiters; ++i)
                waits.go([&, i, round] {
                    tests::chaos chaos(number(i + round));
                    while (i % 2 == 0 && !work.wait_for(short_time(chaos)))
                        chaos();
                    work.wait();
                    expect(sum == round * members, "all of this round");
                });
            for (int i = 0; i < members; ++i)
                fiber::go([&, i, round] {
                    tests::chaos chaos(number(i * round));
                    chaos();
                    ++sum;
                    work.done();
                });
            waits.wait();
        }
    });
}

TEST_CASE("wait_group: a waiter destroys the group", "[wait_group][stress]") {
    constexpr int rounds = 4000;
    auto groups = one_for_each<fiber::wait_group>(rounds);
    for (auto& g : groups)
        g->add(mix.size() - 1);
    tests::run_concurrently(mix, [&](int task) {
        tests::chaos chaos(number(task));
        for (int round = 0; round < rounds; ++round) {
            auto& group = groups[static_cast<std::size_t>(round)];
            if (is_chosen(task, round)) {
                while (chaos.below(2) == 0 && !group->wait_for(short_time(chaos)))
                    chaos();
                group->wait();
                group.reset();
            } else {
                group->done();
            }
        }
    });
}

TEST_CASE("wait_group: a counter below zero throws, and recovers", "[wait_group][stress]") {
    constexpr int rounds = 500;
    fiber::wait_group wg;
    std::atomic<int> refused{0};
    wg.add(); // the counter is never zero, and no wait returns
    tests::run_concurrently(mix, [&](int task) {
        tests::chaos chaos(number(task));
        for (int i = 0; i < rounds; ++i) {
            try {
                wg.add(-2 * mix.size());
            } catch (std::logic_error const&) {
                ++refused;
            }
            if (chaos.below(4) == 0)
                static_cast<void>(wg.wait_for(std::chrono::microseconds(0)));
        }
    });
    CHECK(refused == mix.size() * rounds);
    CHECK_FALSE(wg.wait_for(std::chrono::microseconds(0)));
    wg.done();
    wg.wait();
}
