// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// program.cpp: uses every header. It is compiled three times: without exceptions, without RTTI, and without
// both.

// stdout: go, thread and jthread: 1 2 3
// stdout: run: 4, a reference, and a void
// stdout: async: 5, deferred: 6, promise: 7, from an allocator: 8, task: 9
// stdout: the mutex, the shared mutex and the condition variable: 200
// stdout: semaphore, latch, barrier, once and wait group: 1 1 1 1 1
// stdout: the channel: 1 4 9, closed
// stdout: select: received 10, sent 11, timed out; selector: received 12
// stdout: the group: 6, stopped: 1
// stdout: the context: 13, of a string: abc, no long, cancelled: 1, cause: 1
// stdout: the local: 14 15
// stdout: the timers: 1 1 1 1
// stdout: the stack: 16
// stdout: the own runtime: 17

#include <fiber/fiber.hpp>

#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <system_error>
#include <utility>

namespace {

using namespace std::chrono_literals;

fiber::local<int> depth = 14;

// A type with a move that may throw. A channel allocates memory for each such value.
struct copied {
    explicit copied(char const* t) : text(t) {}
    copied(copied const&) = default;
    std::string text;
};

void starting() {
    std::array<int, 3> seen{};
    fiber::go([&] { seen[0] = 1; }).join();
    fiber::thread(
        {.name = "two"}, [&](int n) { seen[1] = n; }, 2)
        .join();
    fiber::jthread([&](fiber::stop_token stop) {
        while (!stop.stop_requested())
            fiber::this_thread::yield();
        seen[2] = 3;
    });
    std::printf("go, thread and jthread: %d %d %d\n", seen[0], seen[1], seen[2]);

    int value = 3;
    int& same = fiber::run([&]() -> int& { return ++value; });
    bool called = false;
    fiber::run([&] { called = true; });
    std::printf("run: %d, %s, and a %s\n", fiber::run([&] { return value; }),
                &same == &value ? "a reference" : "a copy", called ? "void" : "miss");
}

void futures() {
    auto deferred = fiber::async(fiber::launch::deferred, [] { return std::make_unique<int>(6); });
    fiber::promise<int> promise;
    fiber::promise<int> from_allocator(std::allocator_arg, std::allocator<int>());
    fiber::packaged_task<int(int)> task([](int n) { return n + 1; });
    fiber::shared_future<int> const of_promise = promise.get_future().share();
    auto of_allocator = from_allocator.get_future();
    auto of_task = task.get_future();
    fiber::go([&] {
        promise.set_value(7);
        from_allocator.set_value_at_thread_exit(8);
        task(8);
    }).join();
    std::printf("async: %d, deferred: %d, promise: %d, from an allocator: %d, task: %d\n",
                fiber::async([](int n) { return n; }, 5).get(), *deferred.get(), of_promise.get(),
                of_allocator.get(), of_task.get());
}

void locks() {
    fiber::mutex mutex;
    fiber::shared_mutex shared;
    fiber::condition_variable changed;
    int count = 0;
    {
        fiber::wait_group adders;
        for (int i = 0; i < 100; ++i)
            adders.go([&] {
                {
                    std::scoped_lock const both(mutex, shared);
                    count += 2;
                }
                changed.notify_one();
            });
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return count == 200; });
        lock.unlock();
        adders.wait();
    }
    std::shared_lock const reading(shared);
    std::printf("the mutex, the shared mutex and the condition variable: %d\n", count);

    fiber::counting_semaphore<> semaphore(0);
    fiber::latch latch(1);
    int completed = 0;
    fiber::barrier barrier(2, [&completed]() noexcept { ++completed; });
    fiber::once_flag once;
    int calls = 0;
    fiber::wait_group group;
    group.go([&] {
        fiber::call_once(once, [&] { ++calls; });
        semaphore.release();
        latch.count_down();
        barrier.arrive_and_wait();
    });
    bool const acquired = semaphore.try_acquire_for(1h);
    latch.wait();
    barrier.arrive_and_wait();
    fiber::call_once(once, [&] { ++calls; });
    std::printf("semaphore, latch, barrier, once and wait group: %d %d %d %d %d\n", acquired,
                latch.try_wait(), completed, calls, group.wait_for(1h));
}

void channels() {
    fiber::chan<int> squares(1);
    fiber::handle source = fiber::go([=] {
        for (int i = 1; i <= 3; ++i)
            squares.send(i * i);
        squares.close();
    });
    std::string all;
    for (int n : squares)
        all += ' ' + std::to_string(n);
    source.join();
    std::printf("the channel:%s, %s\n", all.c_str(),
                squares.try_send(1) == fiber::op_status::closed ? "closed" : "open");

    fiber::chan<int> numbers(1);
    fiber::chan<copied> boxed(1);
    numbers.send(10);
    int received = 0;
    bool sent = false;
    bool late = false;
    fiber::select(fiber::on_recv(numbers, [&](std::optional<int> n) { received = *n; }),
                  fiber::on_recv(boxed, [](auto) {}));
    fiber::select(fiber::on_send(boxed, copied("11"), [&] { sent = true; }));
    fiber::select(fiber::on_recv(numbers, [](auto) {}), fiber::on_timeout(1ms, [&] { late = true; }));
    fiber::selector selector;
    int chosen = 0;
    selector.recv(numbers, [&](std::optional<int> n) { chosen = *n; });
    selector.stop(fiber::stop_token(), [] {});
    numbers.send(12);
    selector.wait();
    std::printf("select: received %d, %s %s, %s; selector: received %d\n", received, sent ? "sent" : "kept",
                boxed.recv()->text.c_str(), late ? "timed out" : "never", chosen);
}

void groups() {
    fiber::group group;
    fiber::mutex mutex;
    int sum = 0;
    group.set_limit(2);
    for (int i = 1; i <= 3; ++i)
        group.go([&, i] {
            std::lock_guard const lock(mutex);
            sum += i;
        });
    group.wait();
    bool stopped = false;
    group.go([&](fiber::stop_token stop) { fiber::select(fiber::on_stop(stop, [&] { stopped = true; })); });
    group.request_stop();
    group.wait();
    std::printf("the group: %d, stopped: %d\n", sum, stopped);
}

void contexts() {
    auto const number = fiber::context::with_value(fiber::context::background(), 13);
    auto const text = fiber::context::with_value(number, std::string("abc"));
    auto const ctx = fiber::context::with_timeout(text, 1h);
    fiber::chan<void> called;
    ctx.after_func([=] { called.close(); });
    ctx.cancel();
    static_cast<void>(ctx.done().recv());
    static_cast<void>(called.recv());
    std::printf("the context: %d, of a string: %s, %s long, cancelled: %d, cause: %d\n", *ctx.value<int>(),
                ctx.value<std::string>()->c_str(), ctx.value<long>() == nullptr ? "no" : "a",
                ctx.error() == std::errc::operation_canceled, ctx.cause() != nullptr);
}

void others() {
    int own = 0;
    fiber::go([&] { own = ++depth; }).join();
    std::printf("the local: %d %d\n", depth.get(), own);

    fiber::timer timer(1h);
    bool const stopped = timer.stop();
    timer.reset(1ms);
    bool const rang = timer.channel().recv().has_value();
    fiber::ticker const ticker(1ms);
    fiber::chan<void> called;
    fiber::after_func(1ms, [=] { called.close(); });
    static_cast<void>(called.recv());
    bool const ticked = ticker.ticks().recv().has_value();
    std::printf("the timers: %d %d %d %d\n", stopped, rang, ticked, fiber::after(1ms).recv().has_value());

    std::printf("the stack: %d\n", fiber::with_stack(std::size_t{1} << 30, [] { return 16; }));

    fiber::runtime one({.processors = 1});
    std::printf("the own runtime: %d\n", one.run([](int n) { return n + 1; }, 16));
}

} // namespace

int main() {
    starting();
    futures();
    locks();
    channels();
    groups();
    contexts();
    others();
}
