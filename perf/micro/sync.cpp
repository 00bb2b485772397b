// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does each of std's classes for threads cost: std's own, libfiber's, and Boost.Fiber's where it has it?
// Alone, and with two tasks that wait for each other by turns.
#include "perf/micro/micro.hpp"

#include <fiber/barrier.hpp>
#include <fiber/future.hpp>
#include <fiber/latch.hpp>
#include <fiber/once.hpp>
#include <fiber/semaphore.hpp>
#include <fiber/shared_mutex.hpp>

#ifdef FIBER_PERF_BOOST
#include <boost/fiber/all.hpp>
#endif

#include <atomic>
#include <barrier>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

namespace perf {
namespace {

using benchmark::Counter;
using benchmark::State;

struct standard {
    static constexpr char const* name = "/std";
    using thread = std::thread;
    using mutex = std::mutex;
    using shared_mutex = std::shared_mutex;
    using condition_variable = std::condition_variable;
    using binary_semaphore = std::binary_semaphore;
    using latch = std::latch;
    using barrier = std::barrier<>;
    using once_flag = std::once_flag;
    using promise = std::promise<int>;
    static constexpr auto call_once = [](auto& flag, auto f) { std::call_once(flag, f); };
    static constexpr auto async = [](auto f) { return std::async(std::launch::async, f); };
    template <class F>
    static void run(F f) {
        // glibc's mutexes spare the atomic operations while there is no other thread.
        static std::atomic<bool> stop = false;
        static std::jthread const other([] { stop.wait(false); });
        static struct stopper {
            ~stopper() {
                stop = true;
                stop.notify_one();
            }
        } const at_exit;
        f();
    }
};

struct ours {
    static constexpr char const* name = "/fiber";
    using thread = fiber::thread;
    using mutex = fiber::mutex;
    using shared_mutex = fiber::shared_mutex;
    using condition_variable = fiber::condition_variable;
    using binary_semaphore = fiber::binary_semaphore;
    using latch = fiber::latch;
    using barrier = fiber::barrier<>;
    using once_flag = fiber::once_flag;
    using promise = fiber::promise<int>;
    static constexpr auto call_once = [](auto& flag, auto f) { fiber::call_once(flag, f); };
    static constexpr auto async = [](auto f) { return fiber::async(f); };
    template <class F>
    static void run(F f) {
        fiber::run(f);
    }
};

template <class Library>
void mutex_alone(State& state) {
    typename Library::mutex m;
    for (auto _ : state) {
        m.lock();
        benchmark::ClobberMemory();
        m.unlock();
    }
}

template <class Library>
void shared_mutex_alone(State& state) {
    typename Library::shared_mutex m;
    for (auto _ : state) {
        m.lock_shared();
        benchmark::ClobberMemory();
        m.unlock_shared();
    }
}

template <class Library>
void shared_mutex_alone_exclusive(State& state) {
    typename Library::shared_mutex m;
    for (auto _ : state) {
        m.lock();
        benchmark::ClobberMemory();
        m.unlock();
    }
}

// Eight tasks read. Now and then one of them writes.
template <class Library>
void eight_readers(State& state) {
    constexpr std::int64_t each = 50'000;
    auto const write_every = state.range(0);
    typename Library::shared_mutex m;
    std::int64_t value = 0;
    for (auto _ : state) {
        std::vector<typename Library::thread> readers;
        for (int i = 0; i < 8; ++i)
            readers.emplace_back([&] {
                for (std::int64_t n = 1; n <= each; ++n)
                    if (write_every != 0 && n % write_every == 0) {
                        std::scoped_lock lock(m);
                        ++value;
                    } else {
                        std::shared_lock lock(m);
                        benchmark::DoNotOptimize(value);
                    }
            });
        for (auto& r : readers)
            r.join();
    }
    state.counters["each"] =
        Counter(double(8 * each * state.iterations()), Counter::Flags(Counter::kIsRate | Counter::kInvert));
}

template <class Library>
void once_after_the_first(State& state) {
    typename Library::once_flag flag;
    int calls = 0;
    for (auto _ : state) {
        Library::call_once(flag, [&] { ++calls; });
        benchmark::ClobberMemory();
    }
}

template <class Library>
void semaphore_alone(State& state) {
    typename Library::binary_semaphore s(0);
    for (auto _ : state) {
        s.release();
        s.acquire();
    }
}

template <class Library>
void latch_alone(State& state) {
    for (auto _ : state) {
        typename Library::latch l(1);
        l.count_down();
        l.wait();
    }
}

template <class Library>
void barrier_alone(State& state) {
    typename Library::barrier b(1);
    for (auto _ : state)
        b.arrive_and_wait();
}

template <class Library>
void promise_set_get(State& state) {
    for (auto _ : state) {
        typename Library::promise p;
        auto f = p.get_future();
        p.set_value(1);
        benchmark::DoNotOptimize(f.get());
    }
}

template <class Library>
void async_get(State& state) {
    for (auto _ : state)
        benchmark::DoNotOptimize(Library::async([] { return 1; }).get());
}

// Runs ping() here once an iteration, and pong() as often in another task.
template <class Library, class Ping, class Pong>
void with_partner(State& state, Ping ping, Pong pong) {
    std::int64_t const rounds = std::int64_t(state.max_iterations);
    typename Library::thread partner([=] {
        for (std::int64_t i = 0; i < rounds; ++i)
            pong();
    });
    for (auto _ : state)
        ping();
    partner.join();
}

template <class Library>
void semaphore_round_trip(State& state) {
    typename Library::binary_semaphore ping(0), pong(0);
    with_partner<Library>(
        state,
        [&] {
            ping.release();
            pong.acquire();
        },
        [&] {
            ping.acquire();
            pong.release();
        });
}

template <class Library>
void condition_variable_round_trip(State& state) {
    typename Library::mutex m;
    typename Library::condition_variable cv;
    bool mine = false;
    auto const take_turn = [&](bool turn) {
        std::unique_lock lock(m);
        cv.wait(lock, [&] { return mine == turn; });
        mine = !turn;
        cv.notify_one();
    };
    with_partner<Library>(
        state, [=] { take_turn(false); }, [=] { take_turn(true); });
}

template <class Library>
void barrier_of_two(State& state) {
    typename Library::barrier b(2);
    with_partner<Library>(
        state, [&] { b.arrive_and_wait(); }, [&] { b.arrive_and_wait(); });
}

template <class Library>
void latch_of_two(State& state) {
    std::deque<typename Library::latch> latches;
    for (std::size_t i = 0; i < std::size_t(state.max_iterations); ++i)
        latches.emplace_back(2);
    auto next = latches.begin();
    auto nexts = latches.begin();
    with_partner<Library>(
        state, [&] { next++->arrive_and_wait(); }, [&] { nexts++->arrive_and_wait(); });
}

template <class Library>
void future_round_trip(State& state) {
    std::deque<typename Library::promise> there(std::size_t(state.max_iterations));
    std::deque<typename Library::promise> back(std::size_t(state.max_iterations));
    auto ping = there.begin(), pong = back.begin(), pinged = there.begin(), ponged = back.begin();
    with_partner<Library>(
        state,
        [&] {
            ping++->set_value(1);
            benchmark::DoNotOptimize(pong++->get_future().get());
        },
        [&] {
            benchmark::DoNotOptimize(pinged++->get_future().get());
            ponged++->set_value(1);
        });
}

#ifdef FIBER_PERF_BOOST
struct boost_fibers {
    static constexpr char const* name = "/Boost.Fiber";
    using thread = boost::fibers::fiber;
    using mutex = boost::fibers::mutex;
    using condition_variable = boost::fibers::condition_variable;
    using promise = boost::fibers::promise<int>;
    static constexpr auto async = [](auto f) { return boost::fibers::async(f); };
    struct barrier : boost::fibers::barrier {
        using boost::fibers::barrier::barrier;
        void arrive_and_wait() { wait(); }
    };
    template <class F>
    static void run(F f) {
        thread(f).join();
    }
};
#endif

template <class Library>
bool add(std::string const& name, void (*body)(State&), std::int64_t argument = -1) {
    auto* const b = benchmark::RegisterBenchmark(
        (name + Library::name).c_str(), [body](State& state) { Library::run([&] { body(state); }); });
    b->UseRealTime();
    if (argument >= 0)
        b->Arg(argument);
    return true;
}

#ifdef FIBER_PERF_BOOST
#define COMPARE(what)                                                                                        \
    add<standard>(#what, what<standard>) && add<boost_fibers>(#what, what<boost_fibers>) &&                  \
        add<ours>(#what, what<ours>)
#else
#define COMPARE(what) COMPARE_TWO(what)
#endif
#define COMPARE_TWO(what) add<standard>(#what, what<standard>) && add<ours>(#what, what<ours>)

bool const registered =
    COMPARE(mutex_alone) && COMPARE_TWO(shared_mutex_alone) && COMPARE_TWO(shared_mutex_alone_exclusive) &&
    add<standard>("eight_readers", eight_readers<standard>, 0) &&
    add<ours>("eight_readers", eight_readers<ours>, 0) &&
    add<standard>("eight_readers", eight_readers<standard>, 1000) &&
    add<ours>("eight_readers", eight_readers<ours>, 1000) && COMPARE_TWO(once_after_the_first) &&
    COMPARE_TWO(semaphore_alone) && COMPARE_TWO(latch_alone) && COMPARE_TWO(barrier_alone) &&
    COMPARE(promise_set_get) && COMPARE(async_get) && COMPARE_TWO(semaphore_round_trip) &&
    COMPARE(condition_variable_round_trip) && COMPARE(barrier_of_two) && COMPARE_TWO(latch_of_two) &&
    COMPARE(future_round_trip);

} // namespace
} // namespace perf
