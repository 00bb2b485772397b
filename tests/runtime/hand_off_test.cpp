// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// hand_off_test.cpp: Hand-off of processors from blocked fibers, fiber::blocking, and pinned
// threads.

#include "tests/support/catch.hpp"
#include "tests/support/descriptors.hpp"
#include "tests/support/expect.hpp"

#include <fiber/chan.hpp>
#include <fiber/runtime.hpp>
#include <fiber/wait_group.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <poll.h>
#include <pthread.h>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;

namespace {

// Blocks a thread in the kernel until another thread opens the gate.
class gate {
public:
    gate() { REQUIRE(::pipe(ends_) == 0); }
    ~gate() {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    gate(gate const&) = delete;
    gate& operator=(gate const&) = delete;

    bool pass() const { // blocks the OS thread
        char c = 0;
        return ::read(ends_[0], &c, 1) == 1;
    }
    bool open() const { return ::write(ends_[1], "x", 1) == 1; } // lets one thread pass

private:
    int ends_[2];
};

// Returns true if the process has threads named fiber-sysmon, and each waits in futex(2) for the end of
// `asleep`.
bool every_sysmon_sleeps() {
    constexpr auto asleep = "0x1"; // of sysmon's state_
    bool found = false;
    for (auto const& thread : std::filesystem::directory_iterator("/proc/self/task")) {
        std::string name;
        std::getline(std::ifstream(thread.path() / "comm"), name);
        if (name != "fiber-sysmon")
            continue;
        found = true;
        std::string call, word, operation, expected;
        std::ifstream(thread.path() / "syscall") >> call >> word >> operation >> expected;
        if (call != std::to_string(SYS_futex) || expected != asleep)
            return false;
    }
    return found;
}

} // namespace

TEST_CASE("a fiber blocked in a system call loses its processor to waiting fibers", "[hand_off]") {
    tests::expect expect;
    gate gate;
    fiber::runtime one({.processors = 1});
    one.run([&] {
        auto blocked = fiber::go([&] { expect(gate.pass()); });
        fiber::this_fiber::yield(); // `blocked` blocks; this fiber continues after sysmon has retaken the
                                    // processor
        expect(gate.open());
        blocked.join();
    });
    CHECK(one.stats().handoffs > 0);
}

TEST_CASE("a loop without parks that waits for another fiber ends on one processor", "[hand_off]") {
    fiber::runtime one({.processors = 1});
    one.run([&] {
        std::atomic<bool> flag{false};
        auto loop = fiber::go([&] {
            while (!flag.load())
                ;
        });
        fiber::this_fiber::yield(); // lets the loop run
        flag = true;
        loop.join();
    });
    CHECK(one.stats().handoffs > 0);
}

TEST_CASE("a fiber may block on an OS primitive owned by a parked fiber", "[hand_off]") {
    fiber::runtime one({.processors = 1});
    one.run([] {
        std::binary_semaphore held{0};
        auto holder = fiber::go([&] {
            fiber::this_fiber::sleep_for(2ms);
            held.release();
        });
        auto waiter = fiber::go([&] { held.acquire(); });
        waiter.join();
        holder.join();
    });
}

TEST_CASE("hundreds of blocked fibers do not stop other fibers", "[hand_off]") {
    constexpr int blocked = 200;
    tests::expect expect;
    gate gate;
    fiber::runtime two({.processors = 2});
    two.run([&] {
        std::vector<fiber::handle> all;
        for (int i = 0; i < blocked; ++i)
            all.push_back(fiber::go([&] { expect(gate.pass()); }));
        fiber::wait_group others;
        std::atomic<int> done{0};
        for (int i = 0; i < 1000; ++i)
            others.go([&] {
                fiber::this_fiber::yield();
                ++done;
            });
        others.wait();
        expect(done == 1000);
        for (int i = 0; i < blocked; ++i)
            expect(gate.open());
        for (auto& h : all)
            h.join();
    });
}

// sysmon sleeps while all processors are idle. In this test a machine that never slept as an idle
// machine makes the processor busy, and then blocks.
TEST_CASE("sysmon wakes up for a processor that was handed off while idle", "[hand_off][sysmon]") {
    tests::expect expect;
    gate outer, inner;
    fiber::runtime one({.processors = 1});
    auto const away = one.go([&] { fiber::blocking([&] { expect(outer.pass()); }); });
    CHECK(tests::comes_true([] { return every_sysmon_sleeps(); }));
    std::atomic<bool> begun{false};
    auto blocked = one.go([&] {
        begun = true;
        expect(inner.pass());
    });
    CHECK(tests::comes_true([&] { return begun.load(); }));
    auto other = one.go([&] { expect(inner.open()); });
    other.join();
    blocked.join();
    expect(outer.open());
}

TEST_CASE("machines are used again after a blocking call", "[hand_off]") {
    constexpr unsigned at_once = 5;
    tests::expect expect;
    gate gate;
    fiber::runtime one({.processors = 1});
    for (int round = 0; round < 20; ++round)
        one.run([&] {
            std::vector<fiber::handle> all;
            for (unsigned i = 0; i < at_once; ++i)
                all.push_back(fiber::go([&] { fiber::blocking([&] { expect(gate.pass()); }); }));
            fiber::this_fiber::yield();
            for (unsigned i = 0; i < at_once; ++i)
                expect(gate.open());
            for (auto& h : all)
                h.join();
        });
    // One machine runs, and one may be about to become a spare.
    CHECK(one.stats().machines <= 1 + at_once + 2);
}

TEST_CASE("blocking hands the processor over at once and returns the function's result", "[blocking]") {
    tests::expect expect;
    gate gate;
    fiber::runtime one({.processors = 1});
    one.run([&] {
        auto const before = one.stats().handoffs;
        auto blocked = fiber::go([&] { expect(fiber::blocking([&] { return gate.pass(); })); });
        fiber::this_fiber::yield();
        expect(one.stats().handoffs > before);
        expect(gate.open());
        blocked.join();

        int n = 1;
        expect(&fiber::blocking([&]() -> int& { return n; }) == &n);
        try {
            fiber::blocking([] { throw std::runtime_error("from inside"); });
            expect(false, "thrown");
        } catch (std::runtime_error const& e) {
            expect(std::string_view(e.what()) == "from inside");
        }
    });
    CHECK(fiber::blocking([] { return 7; }) == 7); // in an OS thread
}

TEST_CASE("a fiber without a processor may use every operation", "[blocking]") {
    fiber::runtime one({.processors = 1});
    one.run([] {
        std::atomic<bool> other_runs{true};
        // Keeps the only processor busy: the blocking fiber below gets none.
        auto other = fiber::go([&] {
            while (other_runs.load())
                fiber::this_fiber::yield();
        });
        fiber::blocking([&] {
            fiber::chan<int> ch(1);
            fiber::wait_group all;
            all.go([=] { ch.send(*ch.recv() + 1); });
            ch.send(1);
            fiber::this_fiber::sleep_for(1ms);
            all.wait();
            if (ch.recv() != 2)
                throw std::logic_error("wrong value");
            fiber::this_fiber::yield();
            fiber::go([] {}).join();
            int seen = 0;
            if (ch.recv_for(seen, 1ms) != fiber::op_status::timeout)
                throw std::logic_error("no time-out");
        });
        other_runs = false;
        other.join();
    });
}

TEST_CASE("a queue is served although two fibers keep waking each other", "[fairness]") {
    fiber::runtime one({.processors = 1});
    one.run([] {
        std::atomic<bool> stop{false};
        fiber::chan<int> there, back;
        auto echo = fiber::go([=] {
            for (int n : there)
                back.send(n);
        });
        auto hog = fiber::go([&] {
            while (!stop.load()) {
                auto const until = std::chrono::steady_clock::now() + 200us;
                while (std::chrono::steady_clock::now() < until)
                    ;
                there.send(1);
                static_cast<void>(back.recv());
            }
            there.close();
        });
        fiber::this_fiber::sleep_for(1ms); // queues behind the two fibers, by a timer
        auto starved = fiber::go([&] { stop = true; });
        starved.join();
        hog.join();
        echo.join();
    });
}

TEST_CASE("fibers inside the runtime nearly all the time starve no fiber", "[fairness]") {
    using call_of_runtime = void (*)(fiber::runtime&);
    call_of_runtime const calls[] = {[](fiber::runtime&) { fiber::go([] {}); },
                                     [](fiber::runtime&) { fiber::thread_pin const pinned; },
                                     [](fiber::runtime& its) { its.trim(); }};
    tests::expect expect;
    auto const starve = [&](unsigned processors, unsigned others, call_of_runtime call, bool woken) {
        fiber::runtime some({.processors = processors});
        std::atomic<bool> stop{false};
        std::atomic<unsigned> hogs{0};
        auto const hog = [&] {
            ++hogs;
            auto const limit =
                // Each started fiber takes memory: without a limit a failure would use up all of it.
                std::chrono::steady_clock::now() + 2s;
            for (unsigned n = 1; !stop.load(); ++n) {
                call(some);
                if (n % 4096 == 0 && !expect(std::chrono::steady_clock::now() < limit))
                    break;
            }
        };
        some.run([&] {
            // If `woken`, the starved fiber waits for this value and becomes `next`. Otherwise it is a
            // spawned fiber in the queue.
            fiber::chan<int> wake(1);
            auto const starved = [=, &stop] {
                static_cast<void>(wake.recv());
                stop = true;
            };
            if (woken)
                fiber::go(starved);
            for (unsigned n = 0; n < others; ++n)
                fiber::go(hog);
            do
                fiber::this_fiber::yield();
            while (hogs.load() != others);
            if (!woken)
                fiber::go(starved);
            wake.send(1);
            hog();
        });
    };
    for (auto const call : calls)
        for (bool const woken : {false, true, false, true, false, true}) {
            starve(1, 0, call, woken);
            starve(2, 1, call, woken);
            starve(2, 0, call, woken); // The other processor receives some of the started fibers.
        }
}

TEST_CASE("a pinned fiber stays on its OS thread, and the thread runs no other fiber", "[thread_pin]") {
    tests::expect expect;
    for (unsigned const processors : {1u, 2u, 4u}) {
        fiber::runtime runtime({.processors = processors});
        runtime.run([&] {
            std::atomic<bool> pinned{false}, stop{false};
            std::atomic<pthread_t> mine{};
            std::vector<fiber::handle> others;
            for (int i = 0; i < 4; ++i)
                others.push_back(fiber::go([&] {
                    while (!stop.load()) {
                        if (pinned.load())
                            expect(::pthread_equal(::pthread_self(), mine.load()) == 0, "not its thread");
                        fiber::this_fiber::yield();
                    }
                }));
            fiber::chan<int> ch;
            auto sender = fiber::go([=] {
                for (int i = 0; i < 20; ++i)
                    ch.send(i);
                ch.close();
            });
            auto const still = [&] { return ::pthread_equal(::pthread_self(), mine.load()) != 0; };
            {
                auto first = std::make_unique<fiber::thread_pin>();
                mine = ::pthread_self();
                pinned = true;
                for (int n : ch) {
                    expect(still(), "after a channel");
                    fiber::this_fiber::yield();
                    expect(still(), "after a yield");
                    if (n % 5 == 0)
                        fiber::this_fiber::sleep_for(1ms);
                    expect(still(), "after a sleep");
                    fiber::thread_pin const nested;
                    fiber::blocking([] { ::poll(nullptr, 0, 1); });
                    expect(still(), "after blocking");
                }
                fiber::this_fiber::yield();
                expect(still(), "nested pins have ended");
                fiber::thread_pin const second;
                first.reset();
                fiber::this_fiber::sleep_for(1ms);
                expect(still(), "the first has ended, the second not");
                pinned = false;
            }
            stop = true;
            sender.join();
            for (auto& h : others)
                h.join();
        });
    }
    fiber::thread_pin const in_an_os_thread;
}

TEST_CASE("a yield of a pinned fiber without other fibers does not leave the thread", "[thread_pin]") {
    constexpr int yields = 1000;
    auto const switches_of_this_thread = [] {
        rusage so_far{};
        ::getrusage(RUSAGE_THREAD, &so_far);
        return so_far.ru_nvcsw;
    };
    fiber::runtime alone({.processors = 1});
    alone.run([&] {
        fiber::thread_pin const pin;
        auto const before = switches_of_this_thread();
        for (int i = 0; i < yields; ++i)
            fiber::this_fiber::yield();
        CHECK(switches_of_this_thread() - before < yields / 10);
    });
}

TEST_CASE("pinned fibers pass a value around a ring", "[thread_pin]") {
    constexpr int tasks = 5, rounds = 50;
    fiber::runtime runtime({.processors = 2});
    runtime.run([] {
        std::vector<fiber::chan<int>> ring(tasks);
        std::vector<fiber::handle> all;
        for (std::size_t i = 0; i < ring.size(); ++i)
            all.push_back(fiber::go([&, i] {
                fiber::thread_pin const pin;
                for (int n : ring[i])
                    if (n == tasks * rounds)
                        for (auto& c : ring)
                            c.close();
                    else
                        ring[(i + 1) % ring.size()].send(n + 1);
            }));
        ring[0].send(1);
        for (auto& h : all)
            h.join();
    });
}
