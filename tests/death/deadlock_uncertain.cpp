// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// deadlock_uncertain: somebody may still wake the fibers: an OS thread outside of the library, a timer, a
// system call, a wait with a deadline. None of these is a deadlock.

// stdout: a thread
// stdout: a timer
// stdout: a system call
// stdout: a deadline
// stdout: an alarm

#include <fiber/fiber.hpp>

#include <chrono>
#include <cstdio>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

constexpr auto long_enough = 300ms;

// Waits in a fiber and in the calling thread, until `wake` closes the channel.
template <class Wake>
void wait_for(char const* name, Wake wake) {
    fiber::chan<int> c;
    auto waits = fiber::go([c]() mutable { static_cast<void>(c.recv()); });
    wake(c);
    waits.join();
    std::puts(name);
}

} // namespace

int main() {
    std::thread other;
    wait_for("a thread", [&](fiber::chan<int> c) {
        other = std::thread([c]() mutable {
            std::this_thread::sleep_for(long_enough);
            c.close();
        });
    });
    other.join();
    wait_for("a timer", [](fiber::chan<int> c) {
        fiber::go([c]() mutable {
            fiber::this_fiber::sleep_for(long_enough);
            c.close();
        });
    });
    wait_for("a system call", [](fiber::chan<int> c) {
        fiber::go([c]() mutable {
            ::usleep(300'000);
            c.close();
        });
    });
    wait_for("a deadline", [](fiber::chan<int> c) {
        int value = 0;
        static_cast<void>(fiber::chan<int>().recv_for(value, long_enough));
        c.close();
    });
    wait_for("an alarm", [](fiber::chan<int> c) {
        fiber::go([c]() mutable {
            static_cast<void>(fiber::after(long_enough).recv());
            c.close();
        });
    });
}
