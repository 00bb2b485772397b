// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// clean_machines_test: a fiber's changes to its OS thread stay in that thread and end with it.

#include "tests/support/catch.hpp"
#include "tests/support/expect.hpp"

#include <fiber/fiber.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sched.h>
#include <semaphore>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;

namespace {

// State of an OS thread that new threads inherit from their creator.
struct thread_state {
    std::string blocked_signals;
    cpu_set_t affinity{};
    int niceness = 0, no_new_privileges = 0;

    // Returns the state of the calling thread.
    static thread_state now() {
        thread_state s;
        sigset_t mask;
        ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        for (int signal = 1; signal <= SIGRTMAX; ++signal)
            s.blocked_signals += sigismember(&mask, signal) == 1 ? '1' : '0';
        ::sched_getaffinity(0, sizeof s.affinity, &s.affinity);
        s.niceness = ::getpriority(PRIO_PROCESS, 0); // on Linux, the niceness of the thread
        s.no_new_privileges = ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
        return s;
    }
    friend bool operator==(thread_state const& a, thread_state const& b) {
        return a.blocked_signals == b.blocked_signals && CPU_EQUAL(&a.affinity, &b.affinity) != 0 &&
               a.niceness == b.niceness && a.no_new_privileges == b.no_new_privileges;
    }
};

void block_all_signals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

// Changes that no code reverts by accident. no_new_privileges cannot be reverted at all.
void spoil_this_thread() {
    block_all_signals();
    thread_state const s = thread_state::now();
    cpu_set_t one;
    CPU_ZERO(&one);
    for (unsigned cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu)
        if (CPU_ISSET(cpu, &s.affinity))
            CPU_SET(cpu, &one);
    ::sched_setaffinity(0, sizeof one, &one);
    ::setpriority(PRIO_PROCESS, 0, s.niceness + 1);
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

// Checks several fibers that block. Blocking makes them run on several machines.
void check_others(tests::expect& expect, thread_state const& clean) {
    std::vector<fiber::handle> all;
    for (int i = 0; i < 8; ++i)
        all.push_back(fiber::go([&] {
            for (int look = 0; look < 3; ++look) {
                expect(thread_state::now() == clean, "an untouched thread");
                ::usleep(200);
                fiber::this_fiber::yield();
            }
        }));
    for (auto& h : all)
        h.join();
}

bool has_thread(pid_t thread) { return std::filesystem::exists("/proc/self/task/" + std::to_string(thread)); }

// Returns true if the OS thread ends within 30 s. The thread ends shortly after its pin, without a
// notification.
bool ends(pid_t thread) {
    auto const give_up = std::chrono::steady_clock::now() + 30s;
    while (has_thread(thread) && std::chrono::steady_clock::now() < give_up)
        std::this_thread::yield();
    return !has_thread(thread);
}

std::ptrdiff_t threads_of_process() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                         std::filesystem::directory_iterator());
}

// A joined thread stays in /proc/self/task until the kernel has removed it.
bool has_threads_at_most(std::ptrdiff_t expected) {
    auto const give_up = std::chrono::steady_clock::now() + 30s;
    while (threads_of_process() > expected && std::chrono::steady_clock::now() < give_up)
        std::this_thread::yield();
    return threads_of_process() <= expected;
}

// Returns the hexadecimal sets of blocked signals of all threads with this name.
std::vector<std::string> blocked_in_threads_named(std::string const& name) {
    std::vector<std::string> found;
    for (auto const& entry : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream status(entry.path() / "status");
        bool right = false;
        for (std::string line; std::getline(status, line);)
            if (line == "Name:\t" + name)
                right = true;
            else if (right && line.starts_with("SigBlk:\t"))
                found.push_back(line.substr(8));
    }
    return found;
}

} // namespace

TEST_CASE("a machine made beside a changed pinned thread has a clean state", "[clean_machines]") {
    tests::expect expect;
    auto const clean = thread_state::now();
    fiber::runtime one({.processors = 1});
    one.run([&] {
        fiber::thread_pin pin;
        pin.discard();
        spoil_this_thread();
        fiber::wait_group looks;
        std::binary_semaphore looked{0};
        auto const look = [&] {
            return fiber::go([&] {
                check_others(expect, clean);
                looked.release();
            });
        };
        SECTION("by blocking") {
            auto const looking = look();
            fiber::blocking([&] { looked.acquire(); });
        }
        SECTION("by a call that blocks") {
            auto const looking = look();
            looked.acquire();
        }
        SECTION("by another processor") {
            one.set_processors(3);
            auto looking = look();
            looking.join();
        }
        SECTION("by parking") {
            auto looking = look();
            looking.join();
        }
    });
}

TEST_CASE("a pin's stand-in does not inherit earlier changes by the fiber", "[clean_machines]") {
    tests::expect expect;
    auto const clean = thread_state::now();
    fiber::runtime one({.processors = 1});
    one.run([&] {
        block_all_signals(); // changes the thread without a pin, and does not wait
        fiber::thread_pin pin;
        pin.discard();
        check_others(expect, clean);
    });
}

TEST_CASE("a discarded thread ends with its pin, and the fiber continues in another thread", "[thread_pin]") {
    tests::expect expect;
    auto const clean = thread_state::now();
    fiber::runtime runtime({.processors = 2});
    unsigned const machines = runtime.run([&] {
        { fiber::thread_pin const enough; } // leaves a spare machine
        return static_cast<unsigned>(runtime.stats().machines);
    });
    for (int round = 0; round < 20; ++round)
        runtime.run([&] {
            pid_t discarded = 0;
            {
                fiber::thread_pin pin;
                pin.discard();
                discarded = ::gettid();
                spoil_this_thread();
                fiber::this_fiber::yield();
                expect(::gettid() == discarded, "pinned until the pin ends");
            }
            expect(::gettid() != discarded);
            expect(thread_state::now() == clean);
            expect(ends(discarded));
            check_others(expect, clean);
            { fiber::thread_pin const spare; }
        });
    expect(runtime.stats().machines <= machines + 8, "discarded machines do not count");
}

TEST_CASE("a discarded thread frees its place under max_machines", "[thread_pin]") {
    constexpr int rounds = 300;
    auto const before = threads_of_process();
    tests::expect expect;
    {
        fiber::runtime small({.processors = 1, .max_machines = 2});
        small.run([&] {
            pid_t last = 0;
            for (int round = 0; round < rounds; ++round)
                fiber::go([&] {
                    fiber::thread_pin pin; // throws if no other machine can be made
                    pin.discard();
                    last = ::gettid();
                }).join();
            expect(ends(last));
            expect(small.stats().machines == 1, "only the stand-in of the last one is left");
        });
        expect(has_threads_at_most(before + 3), "a machine, sysmon, the maker");
    }
}

TEST_CASE("the last of nested pins ends the thread if any pin discarded the thread", "[thread_pin]") {
    tests::expect expect;
    fiber::run([&] {
        auto const mine = ::gettid();
        auto first = std::make_unique<fiber::thread_pin>();
        pid_t const pinned = ::gettid();
        auto second = std::make_unique<fiber::thread_pin>();
        first->discard();
        first->discard();
        first.reset();
        fiber::this_fiber::yield();
        expect(::gettid() == pinned, "pinned still");
        second.reset();
        expect(::gettid() != pinned);
        expect(ends(pinned));
        static_cast<void>(mine);
    });
    fiber::thread_pin in_an_os_thread;
    in_an_os_thread.discard();
}

TEST_CASE("a thread can be discarded after its processor was taken", "[thread_pin]") {
    tests::expect expect;
    fiber::runtime one({.processors = 1});
    for (int round = 0; round < 20; ++round)
        one.run([&] {
            pid_t discarded = 0;
            auto pin = std::make_unique<fiber::thread_pin>();
            pin->discard();
            discarded = ::gettid();
            fiber::blocking([&] { pin.reset(); });
            expect(::gettid() != discarded);
            expect(ends(discarded));
        });
}

TEST_CASE("a thread can be discarded while an exception unwinds its fiber", "[thread_pin]") {
    tests::expect expect;
    fiber::run([&] {
        pid_t discarded = 0;
        try {
            fiber::thread_pin pin;
            pin.discard();
            discarded = ::gettid();
            throw std::string("thrown here");
        } catch (std::string const& text) {
            expect(text == "thrown here");
            expect(::gettid() != discarded);
        }
    });
}

TEST_CASE("a runtime can end while its last thread is being discarded", "[thread_pin]") {
    auto const before = threads_of_process();
    for (unsigned round = 0; round < 100; ++round) {
        fiber::runtime brief({.processors = 1 + round % 3});
        auto const discard = [] {
            fiber::thread_pin pin;
            pin.discard();
        };
        static_cast<void>(brief.go(discard));
        brief.run(discard);
    }
    CHECK(has_threads_at_most(before));
}

TEST_CASE("a machine restores its signal mask before it sleeps", "[clean_machines]") {
    tests::expect expect;
    auto const clean = thread_state::now();
    fiber::runtime one({.processors = 1});
    one.run([&] {
        block_all_signals();
        // The machine has no other fiber to run, so it sleeps, unless it loses its CPU until the time is
        // over.
        for (auto time = 1ms; time < 1s && !(thread_state::now() == clean); time *= 2)
            fiber::this_fiber::sleep_for(time);
        expect(thread_state::now() == clean);
    });
}

TEST_CASE("a machine without idle time restores its signal mask, too", "[clean_machines]") {
    tests::expect expect;
    auto const clean = thread_state::now();
    fiber::runtime one({.processors = 1});
    one.run([&] {
        std::atomic<bool> stop{false};
        auto other = fiber::go([&] {
            while (!stop.load())
                fiber::this_fiber::yield();
        });
        block_all_signals();
        int yields = 0;
        while (!(thread_state::now() == clean) && yields < 100'000) {
            fiber::this_fiber::yield();
            ++yields;
        }
        expect(yields < 100'000);
        stop = true;
        other.join();
    });
}

TEST_CASE("a pinned fiber keeps its signal mask while it waits", "[clean_machines][thread_pin]") {
    tests::expect expect;
    fiber::run([&] {
        fiber::thread_pin pin;
        pin.discard();
        block_all_signals();
        auto const mine = thread_state::now();
        fiber::this_fiber::sleep_for(1ms);
        for (int i = 0; i < 100; ++i)
            fiber::go([] {}).join();
        expect(thread_state::now() == mine);
    });
}

TEST_CASE("machines inherit the signal mask of the runtime's creator, faults excepted", "[clean_machines]") {
    tests::expect expect;
    std::thread([&] {
        block_all_signals();
        fiber::runtime runtime({.processors = 2});
        runtime.run([&] {
            auto const mask = thread_state::now().blocked_signals;
            expect(mask[SIGUSR1 - 1] == '1');
            expect(mask[SIGTERM - 1] == '1');
            expect(mask[SIGSEGV - 1] == '0');
            expect(mask[SIGBUS - 1] == '0');
        });
    }).join();
}

TEST_CASE("sysmon and the template thread block all signals", "[clean_machines][sysmon]") {
    fiber::runtime const runtime({.processors = 1});
    for (std::string const name : {"fiber-sysmon", "fiber-template"}) {
        std::vector<std::string> blocked; // The thread sets its name when it first runs.
        auto const give_up = std::chrono::steady_clock::now() + 30s;
        while ((blocked = blocked_in_threads_named(name)).empty() &&
               std::chrono::steady_clock::now() < give_up)
            std::this_thread::yield();
        CHECK_FALSE(blocked.empty());
        for (auto const& mask : blocked)
            // All signals except SIGKILL, SIGSTOP and the two that the C library reserves.
            CHECK((std::stoull(mask, nullptr, 16) | 0x1'8004'0100) == 0xffff'ffff'ffff'ffff);
    }
}
