// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// sync_program: uses every class and function of std for threads, except futures, as programs do.

#include "tests/conformance/checks.hpp"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <latch>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using std::chrono::system_clock;

// Runs body(i) in n threads, and waits for them.
template <class Body>
void in_threads(int n, Body body) {
    std::vector<std_::thread> threads;
    for (int i = 0; i < n; ++i)
        threads.emplace_back(body, i);
    for (auto& t : threads)
        t.join();
}

// ── mutexes: [thread.mutex.requirements] ──

constinit std_::mutex static_mutex;
constinit std_::once_flag static_once;
std_::counting_semaphore<7> static_semaphore(7); // not constexpr in libstdc++ 12
constinit std_::latch static_latch(0);

template <class Mutex>
void any_mutex(char const* name) {
    static_assert(std::is_default_constructible_v<Mutex>);
    static_assert(!std::is_copy_constructible_v<Mutex> && !std::is_move_constructible_v<Mutex>);
    static_assert(!std::is_copy_assignable_v<Mutex> && !std::is_move_assignable_v<Mutex>);
    Mutex m;
    int count = 0;
    in_threads(4, [&](int) {
        for (int i = 0; i < 250; ++i) {
            std::lock_guard lock(m);
            ++count;
        }
    });
    check(count == 1000, "a mutex excludes");

    std::unique_lock lock(m);
    bool other = true;
    std_::thread([&] { other = m.try_lock(); }).join();
    check(!other, "try_lock fails while another has it");
    lock.unlock();
    std_::thread([&] {
        other = m.try_lock();
        if (other)
            m.unlock();
    }).join();
    check(other, "try_lock gets what is free");

    Mutex second;
    in_threads(2, [&](int i) {
        for (int n = 0; n < 100; ++n) {
            std::scoped_lock both(i == 0 ? m : second, i == 0 ? second : m);
            ++count;
        }
    });
    check(count == 1200, "std::lock takes both");
    std::unique_lock a(m, std::defer_lock);
    std::unique_lock b(second, std::defer_lock);
    check(std::try_lock(a, b) == -1 && a && b, "std::try_lock");
    std::printf("%s\n", name);
}

template <class Mutex>
void any_timed_mutex(char const* name) {
    any_mutex<Mutex>(name);
    Mutex m;
    std::unique_lock lock(m);
    std_::thread([&] {
        auto const start = steady_clock::now();
        check(!m.try_lock_for(2ms), "try_lock_for gives up");
        check(steady_clock::now() - start >= 2ms, "not before its time");
        check(!m.try_lock_until(start + 3ms), "try_lock_until gives up");
        check(steady_clock::now() - start >= 3ms, "not before its time");
        check(!m.try_lock_until(system_clock::now() - 1h), "a time that has passed");
        check(!m.try_lock_for(-1s), "a negative time");
        std::unique_lock timed(m, 1ms);
        check(!timed.owns_lock(), "unique_lock with a time");
    }).join();
    lock.unlock();
    check(m.try_lock_for(1h), "try_lock_for gets what is free");
    m.unlock();
    check(m.try_lock_until(system_clock::now()), "try_lock_until gets what is free");
    m.unlock();
}

template <class Mutex>
void any_recursive_mutex() {
    Mutex m;
    std::unique_lock once(m);
    std::unique_lock twice(m);
    check(m.try_lock(), "its owner has it");
    auto const elsewhere = [&] {
        bool got = false;
        std_::thread([&] {
            got = m.try_lock();
            if (got)
                m.unlock();
        }).join();
        return got;
    };
    m.unlock();
    twice.unlock();
    check(!elsewhere(), "locked once more than unlocked");
    once.unlock();
    check(elsewhere(), "unlocked as often as locked");
}

template <class Mutex>
void any_shared_mutex(char const* name) {
    any_mutex<Mutex>(name);
    Mutex m;
    std_::barrier<> both(2);
    in_threads(2, [&](int) {
        std::shared_lock lock(m);
        both.arrive_and_wait(); // hangs unless both are inside
        check(!m.try_lock(), "no writer beside readers");
        both.arrive_and_wait();
    });
    int value = 0;
    in_threads(6, [&](int i) {
        for (int n = 0; n < 100; ++n)
            if (i == 0) {
                std::unique_lock lock(m);
                ++value;
            } else {
                std::shared_lock lock(m);
                check(value <= 100, "reads what is written");
            }
    });
    check(value == 100, "a writer is alone");
    m.lock();
    bool shared = true;
    std_::thread([&] { shared = m.try_lock_shared(); }).join();
    check(!shared, "no reader beside a writer");
    m.unlock();
}

void mutexes() {
    static_assert(std::is_nothrow_default_constructible_v<std_::mutex>);
    std::lock_guard lock(static_mutex);
    any_mutex<std_::mutex>("mutex");
    any_timed_mutex<std_::timed_mutex>("timed_mutex");
    any_mutex<std_::recursive_mutex>("recursive_mutex");
    any_recursive_mutex<std_::recursive_mutex>();
    any_timed_mutex<std_::recursive_timed_mutex>("recursive_timed_mutex");
    any_recursive_mutex<std_::recursive_timed_mutex>();
    any_shared_mutex<std_::shared_mutex>("shared_mutex");
    any_shared_mutex<std_::shared_timed_mutex>("shared_timed_mutex");
    any_timed_mutex<std_::shared_timed_mutex>("shared_timed_mutex");
    std_::shared_timed_mutex timed;
    timed.lock();
    std_::thread([&] {
        check(!timed.try_lock_shared_for(1ms), "try_lock_shared_for gives up");
        check(!timed.try_lock_shared_until(system_clock::now() + 1ms), "try_lock_shared_until gives up");
    }).join();
    timed.unlock();
    check(timed.try_lock_shared_for(1h), "try_lock_shared_for gets what is free");
    timed.unlock_shared();
    std::shared_lock until(timed, steady_clock::now() + 1h);
    check(until.owns_lock(), "shared_lock with a time");
}

// ── [thread.once] ──

void once() {
    int calls = 0;
    in_threads(4, [&](int) {
        std_::call_once(
            static_once, [&](int n) { calls += n; }, 3);
    });
    check(calls == 3, "one call");
    std::puts("once_flag, call_once");
}

// ── [thread.condition] ──

void condition_variable() {
    std_::mutex m;
    std_::condition_variable cv;
    int turn = 0;
    in_threads(3, [&](int i) {
        for (int round = 0; round < 30; ++round) {
            std::unique_lock lock(m);
            cv.wait(lock, [&] { return turn % 3 == i; });
            ++turn;
            cv.notify_all();
        }
    });
    check(turn == 90, "taking turns");
    std::unique_lock lock(m);
    auto const start = steady_clock::now();
    while (cv.wait_until(lock, start + 2ms) == std_::cv_status::no_timeout) // spurious wake-ups are allowed
        ;
    check(steady_clock::now() - start >= 2ms, "not before its time");
    while (cv.wait_for(lock, 1ms) != std_::cv_status::timeout)
        ;
    check(!cv.wait_for(lock, 1ms, [] { return false; }), "the predicate's value");
    check(cv.wait_until(lock, system_clock::now(), [] { return true; }), "the predicate's value");
    check(lock.owns_lock(), "locked again");

    bool ended = false;
    std_::thread leaver([&] {
        std::unique_lock mine(m);
        ended = true;
        std_::notify_all_at_thread_exit(cv, std::move(mine));
    });
    cv.wait(lock, [&] { return ended; });
    leaver.join();
    std::puts("condition_variable, cv_status, notify_all_at_thread_exit");
}

void condition_variable_any() {
    std_::shared_mutex m;
    std_::condition_variable_any cv;
    bool go = false;
    std_::thread starter([&] {
        std::unique_lock lock(m);
        go = true;
        cv.notify_one();
    });
    {
        std::shared_lock lock(m);
        cv.wait(lock, [&] { return go; });
    }
    starter.join();

    std::unique_lock lock(m);
    while (cv.wait_for(lock, 1ms) == std_::cv_status::no_timeout)
        ;
    check(!cv.wait_until(lock, steady_clock::now() + 1ms, [] { return false; }), "a time-out");

    auto const never = [] { return false; };
    std_::jthread waiter([&](std::stop_token stop) {
        std::shared_lock mine(m);
        check(!cv.wait(mine, stop, never), "ended by a stop");
        check(!cv.wait_for(mine, stop, 1h, never), "a stop that has come");
        check(cv.wait_until(mine, stop, steady_clock::now() + 1h, [] { return true; }),
              "the predicate's value");
        check(mine.owns_lock(), "locked again");
    });
    lock.unlock();
    std_::this_thread::sleep_for(1ms);
    waiter.request_stop();
    waiter.join();
    std::stop_source source;
    lock.lock();
    check(!cv.wait_for(lock, source.get_token(), 1ms, never), "a time-out beside a stop token");
    std::puts("condition_variable_any");
}

// ── [thread.sema], [thread.coord] ──

void semaphores() {
    static_assert(std::is_same_v<std_::binary_semaphore, std_::counting_semaphore<1>>);
    static_assert(std_::counting_semaphore<3>::max() >= 3 && std_::counting_semaphore<>::max() >= 1000);
    static_assert(noexcept(static_semaphore.try_acquire()));
    check(static_semaphore.try_acquire(), "there are seven");
    static_semaphore.release();
    std_::counting_semaphore<3> three(3);
    std::atomic<int> inside = 0;
    in_threads(6, [&](int) {
        for (int i = 0; i < 100; ++i) {
            three.acquire();
            check(++inside <= 3, "three at the most");
            --inside;
            three.release();
        }
    });
    std_::binary_semaphore one(0);
    auto const start = steady_clock::now();
    check(!one.try_acquire_for(2ms) && steady_clock::now() - start >= 2ms, "a time-out");
    check(!one.try_acquire_until(system_clock::now() + 1ms), "a time-out");
    check(!one.try_acquire(), "none");
    one.release();
    check(one.try_acquire_for(1h), "one");
    one.release();
    check(one.try_acquire_until(steady_clock::now()), "one");
    std::puts("counting_semaphore, binary_semaphore");
}

void latches() {
    static_assert(std_::latch::max() >= 1000);
    check(static_latch.try_wait(), "expects nobody");
    std_::latch all(4);
    std::atomic<int> arrived = 0;
    in_threads(3, [&](int i) {
        ++arrived;
        i == 0 ? all.count_down(2) : all.count_down();
        all.wait();
        check(arrived == 3, "all have arrived");
    });
    check(all.try_wait(), "open");
    std_::latch two(2);
    std_::thread other([&] { two.arrive_and_wait(); });
    two.arrive_and_wait();
    other.join();
    std::puts("latch");
}

void barriers() {
    static_assert(std_::barrier<>::max() >= 1000);
    int phases = 0;
    auto const complete = [&]() noexcept { ++phases; };
    std_::barrier<decltype(complete)> all(3, complete);
    in_threads(3, [&](int i) {
        for (int phase = 0; phase < 20; ++phase) {
            if (i == 0) {
                auto token = all.arrive();
                all.wait(std::move(token));
            } else {
                all.arrive_and_wait();
            }
            check(phases == 2 * phase + 1, "the completion has run, once");
            all.arrive_and_wait(); // all have read the state
        }
        all.arrive_and_drop();
    });
    check(phases == 41, "the last phase is complete when all have dropped out");
    std::puts("barrier");
}

// ── [thread.threads] ──

void threads() {
    std_::thread t([] {});
    check(t.joinable() && t.get_id() != std_::thread::id(), "joinable");
    check(code_of([&] { std_::thread().join(); }) == std::errc::invalid_argument, "join of nothing");
    t.join();
    check(code_of([&] { t.detach(); }) == std::errc::invalid_argument, "detach of nothing");
    check(std_::thread::hardware_concurrency() > 0, "processors");
    bool stopped = false;
    {
        std_::jthread j(
            [&](std::stop_token stop, int n) {
                while (!stop.stop_requested())
                    std_::this_thread::yield();
                stopped = n == 1;
            },
            1);
        check(j.get_stop_token().stop_possible() && !j.get_stop_source().stop_requested(), "not yet");
    }
    check(stopped, "asked to stop, and joined");
    auto const start = steady_clock::now();
    std_::this_thread::sleep_until(start + 2ms);
    check(steady_clock::now() - start >= 2ms, "sleep_until");
    std::puts("thread, jthread, this_thread");
}

} // namespace

int main() {
    threads();
    mutexes();
    once();
    condition_variable();
    condition_variable_any();
    semaphores();
    latches();
    barriers();
    return verdict();
}
