// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// this_fiber_test.cpp: fiber::this_fiber: yield, sleep and stack_remaining; fairness between
// fibers.

#include "tests/support/catch.hpp"

#include <fiber/local.hpp>
#include <fiber/runtime.hpp>
#include <fiber/semaphore.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

TEST_CASE("yield runs the other fibers one after the other", "[yield]") {
    fiber::runtime one({.processors = 1});
    std::string order;
    one.run([&] {
        std::vector<fiber::handle> all;
        for (char c : {'a', 'b', 'c'})
            all.push_back(fiber::go([&order, c] {
                for (int i = 0; i < 3; ++i) {
                    order += c;
                    fiber::this_fiber::yield();
                }
            }));
        for (auto& h : all)
            h.join();
    });
    REQUIRE(order.size() == 9);
    // For any first order, each round contains each fiber once.
    for (std::size_t round = 0; round < 9; round += 3) {
        std::string turn = order.substr(round, 3);
        CHECK(turn == order.substr(0, 3));
        std::sort(turn.begin(), turn.end());
        CHECK(turn == "abc");
    }
}

TEST_CASE("a yielding fiber does not starve timers, remote fibers or new fibers", "[yield]") {
    fiber::runtime one({.processors = 1});
    one.run([&] {
        std::atomic<bool> done{false};
        fiber::handle spinner = fiber::go([&] {
            while (!done.load())
                fiber::this_fiber::yield();
        });
        fiber::this_fiber::sleep_for(2ms);
        std::atomic<bool> served{false};
        std::thread outside([&] {
            one.run([] {});
            served = true;
        });
        while (!served.load())
            fiber::this_fiber::yield();
        outside.join();
        fiber::go([] {}).join();
        done = true;
        spinner.join();
        SUCCEED();
    });
}

TEST_CASE("many remote fibers are polled in batches", "[yield]") {
    constexpr long many = 2'000, switches_between_looks = 61;
    fiber::runtime one({.processors = 1});
    std::atomic<bool> all_started{false};
    std::atomic<long> ended{0}, yields{0};
    auto const wait_for_all = [&] {
        while (ended < many) {
            fiber::this_fiber::yield();
            yields += all_started ? 1 : 0;
        }
    };
    std::vector<fiber::handle> busy;
    for (int i = 0; i < 2; ++i) // Two fibers: each of them can yield to the other one.
        busy.push_back(one.go(wait_for_all));
    for (long i = 0; i < many; ++i)
        one.go([&] { ++ended; }).detach();
    all_started = true;
    for (auto& fiber : busy)
        fiber.join();
    CHECK(yields < many * switches_between_looks / 4);
}

TEST_CASE("two fibers waking each other do not starve a third fiber", "[yield]") {
    fiber::runtime one({.processors = 1});
    one.run([&] {
        // The fiber starts and joins other fibers: each wake-up goes to `next`.
        std::atomic<bool> done{false};
        fiber::handle pair = fiber::go([&] {
            while (!done.load())
                fiber::go([] {}).join();
        });
        fiber::handle third = fiber::go([&] { done = true; });
        third.join();
        pair.join();
        SUCCEED();
    });
}

TEST_CASE("beside two fibers waking each other, a third fiber runs within 64 exchanges", "[yield]") {
    fiber::runtime one({.processors = 1});
    one.run([&] {
        fiber::binary_semaphore ping(0), pong(0);
        // atomic: a fiber without its processor continues beside the others
        std::atomic<long> exchanges = 0;
        std::atomic<bool> done = false;
        long most = 0;
        fiber::handle left = fiber::go([&] {
            for (; !done; ++exchanges) {
                ping.release();
                pong.acquire();
            }
            ping.release();
        });
        fiber::handle right = fiber::go([&] {
            while (!done) {
                ping.acquire();
                pong.release();
            }
        });
        // On a busy machine the pair's time may be over within one exchange.
        for (int turn = 0; turn < 100 || exchanges <= 100; ++turn) {
            long const before = exchanges;
            fiber::this_fiber::yield();
            most = std::max(most, exchanges - before);
        }
        done = true;
        left.join();
        right.join();
        CHECK(most <= 64);
    });
}

TEST_CASE("beside pairs waking each other in long turns, a fiber runs after few turns", "[yield]") {
    fiber::runtime one({.processors = 1});
    std::atomic<long> turns = 0;
    std::atomic<bool> done = false;
    auto const take_turns = [&](fiber::counting_semaphore<>& mine, fiber::counting_semaphore<>& others) {
        while (!done) {
            mine.acquire();
            for (auto const begin = clock_type::now(); clock_type::now() - begin < 100us;) {
            }
            ++turns;
            others.release();
        }
    };
    std::vector<long> waits_of_fiber, waits_for_thread;
    one.run([&] {
        std::deque<fiber::counting_semaphore<>> semaphores;
        std::vector<fiber::handle> all;
        for (int pair = 0; pair < 2; ++pair) {
            auto& ping = semaphores.emplace_back(1);
            auto& pong = semaphores.emplace_back(0);
            all.push_back(fiber::go([&] { take_turns(ping, pong); }));
            all.push_back(fiber::go([&] { take_turns(pong, ping); }));
        }
        for (int i = 0; i < 50; ++i) {
            long const before = turns;
            fiber::this_fiber::yield();
            waits_of_fiber.push_back(turns - before);
        }
        // An OS thread wakes this fiber, and the next poll of the global queue finds it.
        fiber::counting_semaphore<> ask(0), answer(0);
        std::atomic<long> asked_at = 0;
        std::thread asker([&] {
            while (!done) {
                ask.acquire();
                asked_at = turns.load();
                answer.release();
            }
        });
        for (int i = 0; i < 50; ++i) {
            ask.release();
            answer.acquire();
            waits_for_thread.push_back(turns - asked_at);
        }
        done = true;
        ask.release();
        asker.join();
        for (auto& semaphore : semaphores)
            semaphore.release();
        for (auto& h : all)
            h.join();
    });
    // The median ignores the first runs, which are not measured, and a thread that loses its CPU
    // after reading `turns`.
    std::nth_element(waits_of_fiber.begin(), waits_of_fiber.begin() + 25, waits_of_fiber.end());
    CHECK(waits_of_fiber[25] <= 4);
    std::nth_element(waits_for_thread.begin(), waits_for_thread.begin() + 25, waits_for_thread.end());
    CHECK(waits_for_thread[25] <= 10);
}

TEST_CASE("sleep_for sleeps at least for its duration", "[sleep]") {
    auto const check = [] {
        for (auto const d : {0us, 1us, 300us, 5000us}) {
            auto const start = clock_type::now();
            fiber::this_fiber::sleep_for(d);
            CHECK(clock_type::now() - start >= d);
        }
        auto const start = clock_type::now();
        fiber::this_fiber::sleep_for(-1h);
        fiber::this_fiber::sleep_until(clock_type::now() - 1h);
        fiber::this_fiber::sleep_until(std::chrono::system_clock::now() - 1h);
        fiber::this_fiber::sleep_until(std::chrono::system_clock::time_point::min());
        CHECK(clock_type::now() - start < 1h);
        fiber::this_fiber::sleep_until(std::chrono::system_clock::now() + 2ms);
        CHECK(clock_type::now() - start >= 1ms);
    };
    SECTION("in a fiber") { fiber::run(check); }
    SECTION("in an OS thread") { check(); }
}

TEST_CASE("sleepers wake in the order of their deadlines", "[sleep]") {
    fiber::runtime one({.processors = 1});
    std::vector<int> order;
    // A round counts if all timers were armed before the first deadline. A busy machine may miss
    // that deadline.
    bool counts = false;
    while (!counts) {
        order.clear();
        one.run([&] {
            auto const start = clock_type::now() + 5ms;
            std::vector<fiber::handle> all;
            for (int i : {3, 1, 4, 0, 2})
                all.push_back(fiber::go([&order, start, i] {
                    fiber::this_fiber::sleep_until(start + i * 1us);
                    order.push_back(i);
                }));
            bool armed = false;
            while (!armed && clock_type::now() < start) {
                fiber::this_fiber::yield();
                armed = one.stats().timers == all.size();
            }
            counts = armed && clock_type::now() < start;
            for (auto& h : all)
                h.join();
        });
    }
    CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
}

TEST_CASE("many fibers sleep at once on all processors", "[sleep]") {
    fiber::run([] {
        std::atomic<int> awake{0};
        std::vector<fiber::handle> all;
        for (int i = 0; i < 500; ++i)
            all.push_back(fiber::go([&awake, i] {
                for (int k = 0; k < 3; ++k)
                    fiber::this_fiber::sleep_for(std::chrono::microseconds((i * 37 + k * 101) % 2000));
                ++awake;
            }));
        for (auto& h : all)
            h.join();
        CHECK(awake == 500);
    });
}

TEST_CASE("many sleepers wake together, without many rounds of timer checks", "[sleep]") {
    constexpr int computing = 40, sleeping = 1000;
    fiber::runtime one({.processors = 1});
    one.run([&] {
        auto const deadline = clock_type::now() + 20ms;
        std::atomic<int> turns = 0, asleep = sleeping; // turns: of computing fibers, since the deadline
        std::vector<fiber::handle> all;
        for (int i = 0; i < sleeping; ++i)
            all.push_back(fiber::go([&] {
                fiber::this_fiber::sleep_until(deadline);
                --asleep;
            }));
        for (int i = 0; i < computing; ++i)
            all.push_back(fiber::go([&] {
                while (asleep != 0) {
                    auto const begin = clock_type::now();
                    while (clock_type::now() - begin < 20us) {
                    }
                    turns += begin >= deadline ? 1 : 0;
                    fiber::this_fiber::yield();
                }
            }));
        for (auto& h : all)
            h.join();
        CHECK(turns < 300); // one timer check and one round; twice that allows for a disturbance
    });
}

TEST_CASE("stack_remaining falls in deeper calls", "[stack]") {
    struct deeper {
        [[gnu::noinline]] static std::size_t call() {
            char buffer[16 * 1024];
            asm volatile("" : : "r"(buffer) : "memory"); // keeps the compiler from removing the array
            auto const remaining = fiber::this_fiber::stack_remaining();
            asm volatile("" : : "r"(buffer) : "memory");
            return remaining;
        }
    };
    auto const check = [] {
        auto const here = fiber::this_fiber::stack_remaining();
        CHECK(here > 200 * 1024);
        auto const there = deeper::call();
        CHECK(there < here);
        CHECK(here - there >= 16 * 1024 - 4096);
    };
    SECTION("in a fiber") { fiber::go({.stack_size = 256 * 1024}, check).join(); }
    SECTION("in an OS thread") { check(); }
}
