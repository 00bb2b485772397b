// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// future_program: uses every class and function of [futures] as programs do.

#include "tests/conformance/checks.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <future>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

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

} // namespace

int main() {
    promises();
    at_thread_exit();
    packaged_tasks();
    asyncs();
    return verdict();
}
