// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// hand_off_stress_test.cpp: processors change machines while fibers block, compute, are pinned or
// discard threads.
#include "tests/support/catch.hpp"
#include "tests/support/chaos.hpp"
#include "tests/support/expect.hpp"

#include <fiber/chan.hpp>
#include <fiber/mutex.hpp>
#include <fiber/runtime.hpp>

#include <atomic>
#include <chrono>
#include <mutex>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;

namespace {

void block(std::uint64_t microseconds) {
    timespec const time{0, static_cast<long>(microseconds) * 1000};
    ::ppoll(nullptr, 0, &time, nullptr);
}

void compute(std::uint64_t microseconds) {
    auto const until = std::chrono::steady_clock::now() + std::chrono::microseconds(microseconds);
    while (std::chrono::steady_clock::now() < until)
        ;
}

// Does something during which the fiber may lose its processor, or other fibers cannot run on it.
void get_stuck(tests::chaos& chaos) {
    switch (chaos.below(16)) {
    case 0:
        block(chaos.below(400));
        break;
    case 1:
        compute(chaos.below(200));
        break;
    case 2:
        fiber::blocking([&] { block(chaos.below(100)); });
        break;
    case 3:
        fiber::blocking([&] { chaos(); }); // parks without a processor
        break;
    default:
        chaos();
    }
}

} // namespace

TEST_CASE("processors change machines at any time, and no work is lost or done twice", "[stress][hand_off]") {
    constexpr int tasks = 24, rounds = 150;
    tests::expect expect;
    fiber::runtime runtime;
    std::int64_t count = 0;
    runtime.run([&] {
        fiber::mutex m;
        fiber::chan<int> tokens(tasks / 3);
        std::vector<fiber::handle> all;
        for (int task = 0; task < tasks; ++task)
            all.push_back(fiber::go([&, task] {
                tests::chaos chaos(static_cast<std::uint64_t>(task));
                for (int round = 0; round < rounds; ++round) {
                    tokens.send(task);
                    get_stuck(chaos);
                    {
                        std::scoped_lock const hold(m);
                        auto const before = ++count;
                        if (chaos.below(32) == 0)
                            get_stuck(chaos);
                        expect(count == before, "alone");
                    }
                    expect(tokens.recv().has_value(), "a token for each");
                    if (chaos.below(8) == 0)
                        fiber::go([seed = chaos.below(1000)] {
                            tests::chaos other(seed);
                            get_stuck(other);
                        }).join();
                }
            }));
        for (auto& h : all)
            h.join();
    });
    CHECK(count == tasks * rounds);
}

TEST_CASE("the number of processors changes while machines lose processors", "[stress][hand_off]") {
    constexpr int tasks = 12;
    fiber::runtime runtime({.processors = 2});
    std::atomic<bool> stop{false};
    std::vector<fiber::handle> all;
    for (int task = 0; task < tasks; ++task)
        all.push_back(runtime.go([&, task] {
            tests::chaos chaos(static_cast<std::uint64_t>(task));
            while (!stop.load())
                get_stuck(chaos);
        }));
    tests::chaos chaos(tasks);
    for (int round = 0; round < 150; ++round) {
        runtime.set_processors(1 + static_cast<unsigned>(chaos.below(6)));
        block(chaos.below(1000));
        runtime.run([] { fiber::this_fiber::yield(); });
    }
    stop = true;
    for (auto& h : all)
        h.join();
}

TEST_CASE("threads are discarded while the number of processors changes", "[stress][thread_pin]") {
    constexpr int tasks = 8, rounds = 40;
    tests::expect expect;
    fiber::runtime runtime({.processors = 2});
    runtime.run([&] {
        std::vector<fiber::handle> all;
        for (int task = 0; task < tasks; ++task)
            all.push_back(fiber::go([&, task] {
                tests::chaos chaos(static_cast<std::uint64_t>(task));
                for (int round = 0; round < rounds; ++round) {
                    get_stuck(chaos);
                    if (task == 0)
                        runtime.set_processors(1 + static_cast<unsigned>(chaos.below(4)));
                    pid_t pinned = 0;
                    {
                        fiber::thread_pin pin;
                        pinned = ::gettid();
                        pin.discard();
                        get_stuck(chaos);
                        expect(::gettid() == pinned, "its own thread");
                    }
                    expect(::gettid() != pinned, "another thread");
                }
            }));
        for (auto& h : all)
            h.join();
    });
}

TEST_CASE("pinned fibers keep their threads while the number of processors changes", "[stress][thread_pin]") {
    constexpr int tasks = 8, rounds = 60;
    tests::expect expect;
    fiber::runtime runtime;
    runtime.run([&] {
        fiber::mutex m;
        std::vector<fiber::handle> all;
        for (int task = 0; task < tasks; ++task)
            all.push_back(fiber::go([&, task] {
                tests::chaos chaos(static_cast<std::uint64_t>(task));
                for (int round = 0; round < rounds; ++round) {
                    if (task % 2 == 0) {
                        get_stuck(chaos);
                        continue;
                    }
                    fiber::thread_pin const pin;
                    auto const mine = ::pthread_self();
                    for (int i = 0; i < 5; ++i) {
                        get_stuck(chaos);
                        std::scoped_lock const hold(m);
                        chaos();
                        expect(::pthread_equal(::pthread_self(), mine) != 0, "its own thread");
                    }
                }
            }));
        for (auto& h : all)
            h.join();
    });
}
