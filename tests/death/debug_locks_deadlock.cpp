// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// debug_locks_deadlock: two fibers wait for each other's lock. Each is reported, although its wait
// never ends. Before that, the first fiber that locks in the opposite order is reported. A fiber
// that would have given up at a deadline is not reported.

// env: FIBER_DEBUG=locks=5
// stderr: fiber: fiber::recursive_timed_mutex 0x[0-9a-f]+: locked after fiber::shared_timed_mutex 0x[0-9a-f]+ here, and before it elsewhere: that can deadlock \(in fiber [0-9]+ "warned"\)
// stderr: fiber: fiber::(recursive|shared)_timed_mutex 0x[0-9a-f]+: held while fiber [0-9]+ "(first|second)" has waited for [0-9]+ ms: (shared_)?mutex 0x[0-9a-f]+
// stderr: fiber: fiber::(recursive|shared)_timed_mutex 0x[0-9a-f]+: held while fiber [0-9]+ "(first|second)" has waited for [0-9]+ ms: (shared_)?mutex 0x[0-9a-f]+
// stdout: done

#include "tests/death/own_stderr.hpp"

#include <fiber/fiber.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <shared_mutex>

namespace {

fiber::recursive_timed_mutex a;
fiber::shared_timed_mutex b;

template <class Between>
void a_then_b(Between between) {
    std::scoped_lock outer(a);
    std::scoped_lock again(a); // A recursive lock sets no order.
    between();
    std::shared_lock inner(b);
}

template <class Between>
void b_then_a(Between between) {
    std::scoped_lock outer(b);
    between();
    std::scoped_lock inner(a);
}

} // namespace

int main() {
    using namespace std::chrono_literals;
    fiber::go([] {
        std::scoped_lock outer(b);
        std::unique_lock inner(a, 1h);
    }).join();
    fiber::go([] { a_then_b([] {}); }).join();
    fiber::go({.name = "warned"}, [] { b_then_a([] {}); }).join();

    tests::own_stderr reports;
    static std::atomic<int> without = 2;
    auto const meet = [] { // A yield is no wait.
        for (--without; without != 0;)
            fiber::this_fiber::yield();
    };
    fiber::go({.name = "first"}, [=] { a_then_b(meet); });
    fiber::go({.name = "second"}, [=] { b_then_a(meet); });
    reports.pass_on_line();
    reports.pass_on_line();
    std::puts("done");
}
