// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// exit_while_busy WAY PROCESSORS: a process ends at once, with the requested status, while fibers
// run on all processors, hold locks, send, and wait for timers. The program starts itself many
// times.

// stdout: 20 times status 7

#include <fiber/fiber.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

constexpr int times = 20, status_asked_for = 7;

// Destroyed while fibers still use them.
fiber::mutex lock;
fiber::condition_variable changed;
fiber::wait_group group;
fiber::chan<int> numbers(3);

void keep_busy() {
    using namespace std::chrono_literals;
    // Fibers use the channel after main. A destructor would end that use, and the channel is therefore
    // never destroyed.
    static auto* const channel = new fiber::chan<int>(numbers);
    for (unsigned i = 0; i < 2 * fiber::thread::hardware_concurrency(); ++i) {
        fiber::go([] {
            for (;;)
                fiber::this_fiber::yield();
        });
        fiber::go([] {
            for (;;)
                fiber::this_fiber::sleep_for(20us);
        });
        fiber::go([] {
            for (;;) {
                std::unique_lock hold(lock);
                static_cast<void>(changed.wait_for(hold, 10us));
                fiber::this_fiber::yield();
            }
        });
        fiber::go([] {
            for (;;)
                static_cast<void>(channel->recv());
        });
        fiber::go([] {
            for (int n = 0;; ++n)
                channel->send(n);
        });
        fiber::go({.name = "starts others"}, [] {
            for (;;)
                fiber::go([] {}).join();
        });
    }
    if (fiber::thread::hardware_concurrency() > 1) // leaves a processor to the other fibers
        fiber::go([] {
            // Not an atomic: compilers may assume that a loop over a local atomic ends.
            bool volatile never = false;
            while (!never) // never enters the library
                ;
        });
}

int end_by(std::string const& way) {
    keep_busy();
    if (way == "exit_in_main")
        std::exit(status_asked_for);
    if (way == "quick_exit")
        std::quick_exit(status_asked_for);
    if (way == "_exit")
        std::_Exit(status_asked_for);
    if (way == "exit_in_thread")
        std::thread([] { std::exit(status_asked_for); }).join();
    if (way == "exit_in_fiber") {
        fiber::go([] { std::exit(status_asked_for); });
        for (;;)
            ::pause();
    }
    return status_asked_for; // returns from main
}

int status_of(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

} // namespace

int main(int argc, char** argv) {
    if (argc == 2)
        return end_by(argv[1]);
    ::setenv("FIBER_PROCS", argv[2], 1);
    std::vector<char*> const arguments{argv[0], argv[1], nullptr};
    int right = 0;
    for (int i = 0; i < times; ++i) {
        pid_t child = 0;
        if (::posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments.data(), environ) != 0)
            return 2;
        if (int const status = status_of(child); status == status_asked_for)
            ++right;
        else
            std::printf("status %d\n", status);
    }
    std::printf("%d times status %d\n", right, status_asked_for);
}
