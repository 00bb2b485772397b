// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// sync_program: every class and function for threads that std has, used as programs use it. CMakeLists.txt compiles it
// twice, unchanged: with STD=std and with STD=fiber. It prints what it has checked, and must print the same.

#include <fiber/fiber.hpp>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <numeric>
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

namespace std_ = STD;

namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using std::chrono::system_clock;

int failures = 0;

void check(bool held, char const* what, int line = __builtin_LINE()) {
    if (held)
        return;
    ++failures;
    std::printf("line %d: does not hold: %s\n", line, what);
}

template <class Error, class F>
bool throws(F f) {
    try {
        f();
    } catch (Error const&) {
        return true;
    }
    return false;
}

template <class F>
std::error_code code_of(F f) {
    try {
        f();
    } catch (std::system_error const& e) {
        return e.code();
    } catch (std::future_error const& e) {
        return e.code();
    }
    return {};
}

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
        both.arrive_and_wait(); // inside together, or this hangs
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
            all.arrive_and_wait(); // all have looked
        }
        all.arrive_and_drop();
    });
    check(phases == 41, "the last phase is complete when all have dropped out");
    std::puts("barrier");
}

// ── [futures] ──

void promises() {
    std_::promise<std::unique_ptr<int>> p;
    std_::future<std::unique_ptr<int>> f = p.get_future();
    check(f.valid() && f.wait_for(0s) == std_::future_status::timeout, "not yet");
    std_::thread([&] { p.set_value(std::make_unique<int>(5)); }).join();
    check(f.wait_until(steady_clock::now()) == std_::future_status::ready, "ready");
    check(*f.get() == 5 && !f.valid(), "the value, once");

    int variable = 1;
    std_::promise<int&> reference;
    reference.set_value(variable);
    check(&reference.get_future().get() == &variable, "a reference");
    std_::promise<void> nothing;
    nothing.set_value();
    nothing.get_future().get();

    std_::promise<int> q;
    std_::shared_future<int> s = q.get_future().share();
    q.set_exception(std::make_exception_ptr(std::runtime_error("why")));
    auto const copy = s;
    check(throws<std::runtime_error>([&] { static_cast<void>(copy.get()); }), "an exception");
    check(throws<std::runtime_error>([&] { static_cast<void>(s.get()); }), "to all");

    using errc = std_::future_errc;
    check(code_of([&] { q.set_value(1); }) == errc::promise_already_satisfied, "set twice");
    check(code_of([&] { static_cast<void>(q.get_future()); }) == errc::future_already_retrieved,
          "retrieved twice");
    check(code_of([&] { std_::promise<int>(std::move(q)), q.set_value(1); }) == errc::no_state, "moved from");
    auto broken = std_::promise<int>().get_future();
    check(code_of([&] { broken.get(); }) == errc::broken_promise, "nobody sets it");
    check(throws<std_::future_error>([&] { broken.get(); }), "got twice");
    check(std_::future_category() == std::future_category(), "one category");

    std_::promise<int> a(std::allocator_arg, std::allocator<char>());
    std_::promise<int> b;
    swap(a, b);
    b.set_value(2);
    check(b.get_future().get() == 2, "swapped");
    std::puts("promise, future, shared_future, future_error, future_errc, future_category, future_status");
}

void at_thread_exit() {
    std_::promise<int> value;
    std_::promise<void> error;
    std_::packaged_task<int()> task([] { return 3; });
    auto f = value.get_future();
    auto g = error.get_future();
    auto h = task.get_future();
    std::atomic<bool> may_end = false;
    std_::thread t([&] {
        value.set_value_at_thread_exit(1);
        error.set_exception_at_thread_exit(std::make_exception_ptr(2));
        task.make_ready_at_thread_exit();
        while (!may_end)
            std_::this_thread::yield();
    });
    check(f.wait_for(1ms) == std_::future_status::timeout, "not before the end");
    check(h.wait_for(0ms) == std_::future_status::timeout, "not before the end");
    may_end = true;
    check(f.get() == 1 && h.get() == 3, "at the end");
    check(throws<int>([&] { g.get(); }), "at the end");
    t.join();
    std::puts("…_at_thread_exit");
}

int twice(int n) { return 2 * n; }

void packaged_tasks() {
    std_::packaged_task task(twice);
    static_assert(std::is_same_v<decltype(task), std_::packaged_task<int(int)>>);
    auto f = task.get_future();
    task(4);
    check(f.get() == 8, "the result");
    task.reset();
    f = task.get_future();
    std_::thread(std::move(task), 5).join();
    check(f.get() == 10 && !task.valid(), "in a thread");
    std_::packaged_task<void(int&)> by_reference([](int& n) { n = 9; });
    int variable = 0;
    by_reference(variable);
    check(variable == 9, "arguments as declared");
    check(code_of([&] { by_reference(variable); }) == std_::future_errc::promise_already_satisfied,
          "run twice");
    check(code_of([&] { std_::packaged_task<void()>()(); }) == std_::future_errc::no_state, "no function");
    std_::packaged_task<int()> failing([]() -> int { throw std::runtime_error("no"); });
    auto g = failing.get_future();
    failing();
    check(throws<std::runtime_error>([&] { g.get(); }), "an exception");
    std::puts("packaged_task");
}

void asyncs() {
    auto const me = std_::this_thread::get_id();
    auto elsewhere = std_::async(std_::launch::async, [&] { return std_::this_thread::get_id() != me; });
    check(elsewhere.get(), "in a thread of its own");
    auto here = std_::async(
        std_::launch::deferred, [&](int n) { return std_::this_thread::get_id() == me ? n : 0; }, 6);
    check(here.wait_for(0s) == std_::future_status::deferred, "deferred");
    check(here.get() == 6, "here");
    std::vector<int> numbers(100);
    std::iota(numbers.begin(), numbers.end(), 1);
    auto const sum = [&](auto from, auto to) { return std::accumulate(from, to, 0); };
    auto half = std_::async(sum, numbers.begin(), numbers.begin() + 50);
    check(sum(numbers.begin() + 50, numbers.end()) + half.get() == 5050, "both halves");
    auto both =
        std_::async(std_::launch::async | std_::launch::deferred, [] { throw std::logic_error("no"); });
    check(throws<std::logic_error>([&] { both.get(); }), "an exception");
    bool done = false;
    static_cast<void>(std_::async(std_::launch::async, [&] {
        std_::this_thread::sleep_for(1ms);
        done = true;
    }));
    check(done, "the last future waits");
    std::puts("async, launch");
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
    promises();
    at_thread_exit();
    packaged_tasks();
    asyncs();
    std::printf("%d failures\n", failures);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
