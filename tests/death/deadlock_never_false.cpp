// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// deadlock_never_false: for some seconds, or FIBER_TEST_SECONDS, all wait for one thing that is left: a
// timer, a descriptor, a system call, or an OS thread. None of these moments is reported as a deadlock. The
// real one at the end is reported.

// env: FIBER_DEADLOCK=abort
// exit: abort
// stdout: no false report
// stderr: to repeat: FIBER_CHAOS_SEED=[0-9]+
// stderr: fiber: all fibers are asleep - deadlock!
// stderr: ...

#include "tests/death/gates.hpp"
#include "tests/support/chaos.hpp"

#include "runtime/net/resolver.hpp"

#include <fiber/fiber.hpp>
#include <fiber/io.hpp>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using std::chrono::microseconds;

namespace {

// Both looks of the detector, 10 ms apart, must come into the time for which all wait.
constexpr microseconds max_delay = 40ms;

void block(microseconds time) { ::usleep(static_cast<useconds_t>(time.count())); }

// A child process answers each number after that many microseconds. It is made before there are threads.
class answering_process {
public:
    answering_process() {
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()) != 0)
            std::abort();
        if (::fork() == 0)
            answer();
        ::close(ends_[1]);
    }
    template <class Read>
    void ask(microseconds time, Read read) const {
        auto const count = time.count();
        char reply = 0;
        if (::write(ends_[0], &count, sizeof count) != sizeof count || read(ends_[0], &reply, 1) != 1)
            std::abort();
    }

private:
    [[noreturn]] void answer() const {
        ::close(ends_[0]);
        for (microseconds::rep count = 0; ::read(ends_[1], &count, sizeof count) == sizeof count;) {
            block(microseconds(count));
            if (::write(ends_[1], "x", 1) != 1)
                break;
        }
        ::_exit(0);
    }
    std::array<int, 2> ends_{};
};
answering_process const outside;

constinit fiber::rt::resolver slow_resolver([](std::string const& host, std::string const&) {
    block(microseconds(std::stoll(host)));
    return fiber::rt::lookup_result();
});

// ── the thing that is left ──
// Each returns after the time.

using delay = void (*)(microseconds);

void timed_receive(microseconds time) {
    int value = 0;
    static_cast<void>(fiber::chan<int>().recv_for(value, time));
}
void look_up(microseconds time) {
    static_cast<void>(slow_resolver.resolve(std::to_string(time.count()), "1",
                                            std::chrono::steady_clock::time_point::max()));
}
void wait_for_a_sleeper(microseconds time) {
    fiber::go([time] { fiber::this_fiber::sleep_for(time); }).join();
}
void destroy_a_runtime(microseconds time) {
    fiber::runtime own({.processors = 1});
    own.go([time] { fiber::this_fiber::sleep_for(time); });
}

constexpr delay of_fibers[] = {
    [](microseconds time) { fiber::this_fiber::sleep_for(time); },
    timed_receive,
    [](microseconds time) { static_cast<void>(fiber::after(time).recv()); },
    [](microseconds time) {
        static_cast<void>(fiber::context::with_timeout(fiber::context::background(), time).done().recv());
    },
    [](microseconds time) {
        static_cast<void>(fiber::io::poll(nullptr, 0, static_cast<int>(time.count() / 1000)));
    },
    [](microseconds time) { outside.ask(time, fiber::io::read); },
    [](microseconds time) { outside.ask(time, ::read); },
    block,
    [](microseconds time) { fiber::blocking([time] { block(time); }); },
    [](microseconds time) {
        fiber::thread_pin const pin;
        fiber::this_fiber::sleep_for(time);
    },
    [](microseconds time) {
        for (auto const until = std::chrono::steady_clock::now() + time;
             std::chrono::steady_clock::now() < until;)
            fiber::this_fiber::yield();
    },
    look_up,
    wait_for_a_sleeper,
};
constexpr delay of_threads[] = {
    block,   timed_receive,      [](microseconds time) { outside.ask(time, ::read); },
    look_up, wait_for_a_sleeper, destroy_a_runtime,
};

// ── the agents ──

class agents {
public:
    explicit agents(fiber::runtime& other) : other_(other) {}

    template <class Body>
    void start(std::size_t where, Body body) {
        left_.add();
        auto run = [this, body = std::move(body)] {
            body();
            left_.done();
        };
        if (where == 0)
            fiber::go(std::move(run));
        else if (where == 1)
            other_.go(std::move(run));
        else
            threads_.emplace_back(std::move(run));
    }
    void wait() {
        left_.wait(); // a wait in the library, for OS threads too
        for (std::thread& t : threads_)
            t.join();
        threads_.clear();
    }

private:
    fiber::runtime& other_;
    fiber::wait_group left_;
    std::vector<std::thread> threads_;
};

// One agent makes a gate, others wait at it, and the first one opens it when its delay is over.
void take_a_step(tests::chaos& random, fiber::runtime& other) {
    std::size_t const opener = random.below(3), waiters = 1 + random.below(3);
    std::size_t const kind = random.below(tests::kinds_of_gates);
    microseconds const time(random.below(static_cast<std::uint64_t>(max_delay.count())));
    delay const d = opener == 2 ? of_threads[random.below(std::size(of_threads))]
                                : of_fibers[random.below(std::size(of_fibers))];
    std::array<std::size_t, 3> const places{random.below(3), random.below(3), random.below(3)};
    agents all(other);
    all.start(opener, [&] {
        auto const gate = tests::make_gate(kind, waiters);
        agents waiting(other);
        for (std::size_t i = 0; i < waiters; ++i)
            waiting.start(places[i], [&gate] { gate->wait(); });
        d(time);
        gate->open();
        waiting.wait();
    });
    all.wait();
}

} // namespace

int main() {
    char const* const seconds = std::getenv("FIBER_TEST_SECONDS");
    auto const end =
        std::chrono::steady_clock::now() + std::chrono::seconds(seconds != nullptr ? std::atoi(seconds) : 5);
    tests::chaos random;
    fiber::runtime other({.processors = 2});
    fiber::run([&] { // main waits in the library
        while (std::chrono::steady_clock::now() < end)
            take_a_step(random, other);
        std::puts("no false report");
        std::fflush(stdout);
        static_cast<void>(fiber::chan<int>().recv());
    });
}
