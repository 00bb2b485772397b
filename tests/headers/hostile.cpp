// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// A program that compiles only if each public header qualifies its calls of functions with the
// user's types as arguments. Otherwise argument-dependent lookup would find the user's functions.
// The namespace `hostile` has deleted functions for each identifier in the headers: one takes any
// arguments, one takes its clock's time points (hostile_names.hpp, made by CMake).
// `Holder<Incomplete>` cannot be completed. A lookup, also of an operator, would try to complete it.
#include <fiber/fiber.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <utility>

namespace hostile {

struct Clock {
    using rep = long;
    using period = std::milli;
    using duration = std::chrono::duration<rep, period>;
    using time_point = std::chrono::time_point<Clock>;
    static constexpr bool is_steady = false;
    static time_point now() { return time_point(duration(1)); }
};

#include "hostile_names.hpp"

template <class T>
struct Holder {
    T member;
};
struct Incomplete;
using Pointer = Holder<Incomplete>*;

struct Value {
    int number = 0;
    Pointer untouched = nullptr;
    template <class T>
    void operator,(T&&) const = delete;
    void operator&() const = delete;
};
struct Empty {};
enum class Enumeration { zero };

struct Callable {
    template <class... Args>
    Value operator()(Args&&...) const {
        return {};
    }
    void operator&() const = delete;
    template <class T>
    void operator,(T&&) const = delete;
    Pointer untouched = nullptr;
};
struct Plain {
    Value operator()(Pointer) const { return {}; }
};
struct Holds : Callable {
    template <class... Args>
    bool operator()(Args&&...) const {
        return true;
    }
};
struct Discard {
    template <class... Args>
    void operator()(Args&&...) const {}
};

struct Lockable {
    void lock() {}
    void unlock() {}
    bool try_lock() { return true; }
};

} // namespace hostile

namespace {

using hostile::Callable, hostile::Value, hostile::Pointer, hostile::Discard;
using namespace std::chrono_literals;

template <class T>
void channels() {
    fiber::chan<T> both(2);
    fiber::sender<T> const out = both;
    fiber::receiver<T> const in = both;
    T element = T();
    out.send(T());
    both.send(T());
    static_cast<void>(in.recv());
    static_cast<void>(both.try_send(T()));
    static_cast<void>(both.try_send(std::as_const(element)));
    static_cast<void>(both.try_recv(element));
    static_cast<void>(both.send_for(T(), 1ms));
    static_cast<void>(both.send_until(T(), hostile::Clock::now()));
    static_cast<void>(both.recv_for(element, 1ms));
    static_cast<void>(both.recv_until(element, hostile::Clock::now()));
    static_cast<void>(
        fiber::select(fiber::on_recv(both, Discard()), fiber::on_send(both, T(), Discard()),
                      fiber::on_timeout(1ms, Discard()), fiber::on_deadline(hostile::Clock::now(), Discard()),
                      fiber::on_stop(fiber::stop_token(), Discard()), fiber::otherwise(Discard())));
    static_cast<void>(
        fiber::select_result(fiber::on_recv(in, Callable()), fiber::on_send(out, T(), Callable())));
    fiber::selector selector;
    selector.recv(both, Callable());
    selector.send(both, T(), Callable());
    selector.timeout(1ms, Callable());
    static_cast<void>(selector.try_wait());
    static_cast<void>(selector.wait());
    both.close();
}

// Operators and range-for loops in the user's code look up functions in the namespace of the element
// type.
void iteration() {
    fiber::chan<Value> const both(1);
    fiber::receiver<Value> const in = both;
    static_cast<void>(both == both);
    for (Value& each : both)
        static_cast<void>(each);
    for (Value& each : in)
        static_cast<void>(each);
}

template <class T>
void futures() {
    fiber::promise<T> promise;
    fiber::future<T> future = promise.get_future();
    promise.set_value(T());
    static_cast<void>(future.wait_for(1ms));
    static_cast<void>(future.wait_until(hostile::Clock::now()));
    fiber::shared_future<T> shared = future.share();
    static_cast<void>(shared.get());
    fiber::promise<T> other(std::allocator_arg, std::allocator<T>());
    promise.swap(other);
    fiber::swap(promise, other);
    other = std::move(promise);
    other.set_exception(nullptr);
    fiber::promise<T>().set_value_at_thread_exit(T());
    fiber::shared_future<T> const copy = shared;
    copy.wait();
    static_cast<void>(copy.wait_until(hostile::Clock::now()));
    fiber::promise<T&> refers;
    T element = T();
    refers.set_value(element);
    static_cast<void>(refers.get_future().get());
    refers.set_value_at_thread_exit(element);
    static_cast<void>(refers.get_future().share().get());
    fiber::packaged_task<T(T)> task([](T t) { return t; });
    task(T());
    task.make_ready_at_thread_exit(T());
    static_cast<void>(task.get_future().get());
    task = fiber::packaged_task<T(T)>();
    fiber::swap(task, task);
    fiber::packaged_task<Value(T)> of_callable{Callable()};
    of_callable.reset();
    fiber::packaged_task deduced{hostile::Plain()};
    static_cast<void>(deduced.get_future());
    task.swap(task);
}

// Functions that return T.
template <class T>
void results() {
    auto const make = []() -> T { return T(); };
    static_cast<void>(fiber::run(make));
    static_cast<void>(fiber::runtime::global().run(make));
    static_cast<void>(fiber::async(make).get());
    static_cast<void>(fiber::async(fiber::launch::deferred, make).get());
    static_cast<void>(fiber::blocking(make));
    static_cast<void>(fiber::with_stack(1024, make));
    static_cast<void>(fiber::select_result(fiber::otherwise(make)));
}

template <class T>
void start_with(T argument) {
    fiber::thread(Callable(), argument).join();
    fiber::jthread(Callable(), argument).join();
    fiber::go(Callable(), argument).join();
    fiber::go({.name = "hostile"}, Callable(), argument).join();
    fiber::runtime::global().go(Callable(), argument).join();
    fiber::runtime::global().go({.name = "hostile"}, Callable(), argument).join();
    static_cast<void>(fiber::run(Callable(), argument));
    static_cast<void>(fiber::run([](T) { return 1; }, argument));
    static_cast<void>(fiber::run([](T&) -> T& { throw 1; }, argument));
    fiber::wait_group wait_group;
    wait_group.go(Callable(), argument);
    fiber::group group;
    group.go([argument] { static_cast<void>(argument); });
    group.go(Callable());
    static_cast<void>(group.try_go(Callable()));
    static_cast<void>(fiber::async(Callable(), argument).get());
    static_cast<void>(fiber::async(fiber::launch::async, Callable(), argument).get());
    static_cast<void>(fiber::async(fiber::launch::deferred, Callable(), argument).get());
    fiber::once_flag once;
    fiber::call_once(once, Callable(), argument);
    static_cast<void>(fiber::blocking([argument] { return argument; }));
    static_cast<void>(fiber::blocking(Callable()));
    static_cast<void>(fiber::with_stack(1024, [argument] { return argument; }));
    static_cast<void>(fiber::with_stack(1024, Callable()));
    fiber::this_fiber::sleep_until(hostile::Clock::now());
    static_cast<void>(fiber::go(Callable(), argument).join_until(hostile::Clock::now()));
}

template <class Lock>
void conditions() {
    Lock lock;
    fiber::condition_variable_any any;
    hostile::Holds const holds;
    any.wait(lock, holds);
    any.wait_for(lock, 1ms, holds);
    any.wait_until(lock, hostile::Clock::now());
    any.wait_until(lock, hostile::Clock::now(), holds);
    any.wait(lock, fiber::stop_token(), holds);
    any.wait_for(lock, fiber::stop_token(), 1ms, holds);
    any.wait_until(lock, fiber::stop_token(), hostile::Clock::now(), holds);
}

void locks() {
    fiber::mutex mutex;
    fiber::stop_source source;
    static_cast<void>(mutex.lock(source.get_token()));
    fiber::condition_variable condition;
    hostile::Holds const holds;
    std::unique_lock lock(mutex);
    condition.wait(lock, holds);
    condition.wait_for(lock, 1ms, holds);
    condition.wait_until(lock, hostile::Clock::now(), holds);
    fiber::timed_mutex timed;
    static_cast<void>(timed.try_lock_until(hostile::Clock::now()));
    fiber::recursive_timed_mutex recursive;
    static_cast<void>(recursive.try_lock_until(hostile::Clock::now()));
    fiber::shared_timed_mutex shared;
    static_cast<void>(shared.try_lock_until(hostile::Clock::now()));
    static_cast<void>(shared.try_lock_shared_until(hostile::Clock::now()));
    fiber::counting_semaphore<> semaphore(1);
    static_cast<void>(semaphore.try_acquire_until(hostile::Clock::now()));
    static_cast<void>(semaphore.acquire(source.get_token()));
    fiber::weighted_semaphore weighted(1);
    static_cast<void>(weighted.acquire(1, source.get_token()));
    fiber::barrier barrier(1, [h = hostile::Empty()]() noexcept { static_cast<void>(h); });
    barrier.arrive_and_wait();
}

template <class T>
void values() {
    fiber::local<T> local{T()};
    local = T();
    static_cast<void>(static_cast<T&>(local));
    auto const context = fiber::context::with_value(fiber::context::background(), T());
    static_cast<void>(context.template value<T>());
}

void others() {
    fiber::local<Value> local;
    local.get().number = 1;
    (*local).number = local->number;
    fiber::local<Pointer> const of_pointer;
    static_cast<void>(of_pointer.get());
    auto const context = fiber::context::with_value(fiber::context::background(), Value());
    static_cast<void>(context.value<Value>());
    static_cast<void>(fiber::context::with_deadline(context, hostile::Clock::now()));
    static_cast<void>(fiber::after(1ms));
    static_cast<void>(fiber::after_func(1ms, Callable()));
    static_cast<void>(context.after_func(Callable()));
}

} // namespace

// Never runs: the test is that it compiles.
void hostile_program() {
    channels<Value>();
    channels<Pointer>();
    channels<hostile::Enumeration>();
    iteration();
    futures<Value>();
    futures<Pointer>();
    futures<hostile::Enumeration>();
    results<Value>();
    results<Pointer>();
    results<hostile::Enumeration>();
    values<Value>();
    values<Pointer>();
    values<hostile::Enumeration>();
    ::start_with(Value());
    ::start_with(Pointer());
    ::start_with(hostile::Enumeration());
    conditions<hostile::Lockable>();
    locks();
    others();
}
