// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// exit_beside_held_locks WAY: fibers hold or wait for static locks and similar objects while the
// process exits. The process ends with the requested status, and no printed text is lost.

// exit: 7
// stdout: all are held

#include <fiber/fiber.hpp>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

constexpr int status_asked_for = 7;

// Made before main, and before the library has registered anything. Other objects are made in main
// and in a fiber.
std::unique_ptr<fiber::mutex> early;

struct logger {
    fiber::mutex lock;
    fiber::condition_variable changed;
};
std::shared_ptr<logger> the_logger;

struct everything {
    std::map<int, std::unique_ptr<fiber::mutex>> mutexes;
    fiber::timed_mutex timed;
    fiber::recursive_mutex recursive;
    fiber::recursive_timed_mutex recursive_timed;
    fiber::shared_mutex exclusively, shared;
    fiber::shared_timed_mutex shared_timed;
    fiber::counting_semaphore<> none{0};
    fiber::latch never{1};
    fiber::barrier<> two{2};
    fiber::wait_group group;
    fiber::mutex waited_for;
};

// How many fibers hold an object or wait for one. Each of them ends up parked.
std::size_t started = 0;

template <class Lock>
void hold(Lock& lock) {
    ++started;
    fiber::go([&lock] {
        lock.lock();
        fiber::chan<int>(nullptr).send(1); // waits for ever
    });
}

void hold_all(everything& all) {
    auto const wait = [](auto f) {
        ++started;
        fiber::go(f);
    };
    for (int i = 0; i < 3; ++i)
        hold(*(all.mutexes[i] = std::make_unique<fiber::mutex>()));
    hold(all.timed);
    hold(all.recursive);
    hold(all.recursive_timed);
    hold(all.exclusively);
    hold(all.shared_timed);
    wait([&all] { all.shared.lock_shared(), fiber::chan<int>(nullptr).send(1); });
    for (int i = 0; i < 2; ++i) // The first fiber to lock it holds it.
        wait([&all] { all.waited_for.lock(), fiber::chan<int>(nullptr).send(1); });
    wait([&all] { all.none.acquire(); });
    wait([&all] { all.never.wait(); });
    wait([&all] { all.two.arrive_and_wait(); });
    wait([&all] {
        all.group.add();
        all.group.wait();
    });
    wait([] {
        fiber::mutex own;
        std::unique_lock lock(own);
        the_logger->changed.wait(lock);
    });
}

[[noreturn]] void wait_for_the_end() {
    for (;;)
        ::pause();
}

} // namespace

int main(int, char** argv) {
    std::string_view const way = argv[1];
    early = std::make_unique<fiber::mutex>();
    the_logger = std::make_shared<logger>();
    static std::unique_ptr<everything> late; // The destructor is registered now: it runs first.
    late = std::make_unique<everything>();
    fiber::run([] {
        static auto const latest = std::make_unique<everything>();
        hold(*early);
        hold(the_logger->lock);
        hold_all(*late);
        hold_all(*latest);
        // A fiber that runs while the process exits may use an object that is destroyed.
        while (fiber::runtime::global().stats().fibers_parked < started)
            fiber::this_fiber::yield();
    });
    std::printf("all are held"); // stays in the buffer until exit
    if (way == "exit_in_fiber") {
        fiber::go([] { std::exit(status_asked_for); });
        wait_for_the_end();
    }
    if (way == "exit_in_thread") {
        std::thread([] { std::exit(status_asked_for); }).detach();
        wait_for_the_end();
    }
    if (way == "quick_exit") {
        std::at_quick_exit([] { std::fflush(stdout), late.reset(); });
        std::quick_exit(status_asked_for);
    }
    return status_asked_for;
}
